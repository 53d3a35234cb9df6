"""Temporal: a workflow of four activities on its development server, whose store is an SQLite file.

That server is one process, so it needs neither network hops between its services nor PostgreSQL, which favours it.
The worker has more pollers and activity slots than by default, as the guide to worker performance advises.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import PollerBehaviorSimpleMaximum, UnsandboxedWorkflowRunner, Worker

from benchmarking.peers import job, steps
from benchmarking.workload import OneLineOrder

QUEUE = "orders"

#: Activities at once, pollers of each kind, and orders that are being started at once.
ACTIVITIES, POLLERS, STARTERS = 32, 16, 32

#: After which an activity whose worker was not heard of is given out again: well above what one takes.
_PATIENCE = timedelta(seconds=10)


@activity.defn
def reserve(order: OneLineOrder) -> None:
    """Hold the stock."""
    steps.reserve(order)


@activity.defn
def pay(order: OneLineOrder) -> None:
    """Authorise the payment."""
    steps.pay(order)


@activity.defn
def ship(order: OneLineOrder) -> None:
    """Book the parcel."""
    steps.ship(order)


@activity.defn
def complete(order: OneLineOrder) -> None:
    """Close the order."""
    steps.complete(order)


STEPS = (reserve, pay, ship, complete)


@workflow.defn
class Fulfil:
    """Takes an order through its steps."""

    @workflow.run
    async def run(self, order: OneLineOrder) -> None:
        """Do one step after the other."""
        for step in STEPS:
            await workflow.execute_activity(step, order, start_to_close_timeout=_PATIENCE)


async def work() -> None:
    """Run workflows and activities until SIGTERM."""
    client = await Client.connect(os.environ["BENCH_TEMPORAL"])
    with ThreadPoolExecutor(ACTIVITIES) as threads:
        worker = Worker(
            client,
            task_queue=QUEUE,
            workflows=[Fulfil],
            activities=STEPS,
            activity_executor=threads,
            max_concurrent_activities=ACTIVITIES,
            workflow_runner=UnsandboxedWorkflowRunner(),
            workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(POLLERS),
            activity_task_poller_behavior=PollerBehaviorSimpleMaximum(POLLERS),
        )
        job.ready()
        await worker.run()


async def start() -> None:
    """Place every order and start its workflow."""
    client = await Client.connect(os.environ["BENCH_TEMPORAL"])
    waiting = iter(job.orders())
    job.begin()

    async def starter() -> None:
        for order in waiting:
            await asyncio.to_thread(steps.place, order)
            await client.start_workflow(Fulfil.run, order, id=order["id"], task_queue=QUEUE)

    async with asyncio.TaskGroup() as group:
        for _ in range(STARTERS):
            group.create_task(starter())


def main(arguments: Sequence[str]) -> None:
    """`work` or `start`."""
    asyncio.run({"work": work, "start": start}[arguments[0]]())
    # Its native threads may abort a Python that comes to its end: the process waits to be stopped.
    signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
