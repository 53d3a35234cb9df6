"""Temporal: a workflow of four activities on its development server, whose store is an SQLite file.

That server is one process, so it needs neither network hops between its services nor PostgreSQL, which favours it.
As its guides to speed advise, the pollers scale by themselves, the cache holds every workflow of a round, and orders
are started by the worker's own process: so the server hands the first task of a workflow out in its answer (eager
start), as it does with activities. A second process was no faster: the server takes two thirds of the processor time.
"""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from benchmarking.peers import job, steps
from benchmarking.workload import OneLineOrder

QUEUE = "orders"

#: Activities at once, workflows in the cache, and orders that are being started at once.
ACTIVITIES, CACHED, STARTERS = 32, 10_000, 4

#: Pollers at most. One holds a slot while it waits: fewer than slots, so that some are free for what comes eagerly.
WORKFLOW_POLLERS, ACTIVITY_POLLERS = PollerBehaviorAutoscaling(maximum=16), PollerBehaviorAutoscaling(maximum=8)

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


async def run() -> None:
    """Start this process's share of the orders, and work until SIGTERM."""
    client = await Client.connect(os.environ["BENCH_TEMPORAL"])
    with ThreadPoolExecutor(ACTIVITIES) as threads:
        worker = Worker(
            client,
            task_queue=QUEUE,
            workflows=[Fulfil],
            activities=STEPS,
            activity_executor=threads,
            max_concurrent_activities=ACTIVITIES,
            max_cached_workflows=CACHED,
            workflow_runner=UnsandboxedWorkflowRunner(),
            workflow_task_poller_behavior=WORKFLOW_POLLERS,
            activity_task_poller_behavior=ACTIVITY_POLLERS,
        )
        async with worker:
            await _start_all(client)
            await asyncio.Event().wait()  # SIGTERM ends the process at once: it keeps nothing that counts


async def _start_all(client: Client) -> None:
    """Place every order and start its workflow."""
    waiting = iter(job.orders())
    await asyncio.to_thread(job.begin)

    async def starter() -> None:
        for order in waiting:
            await asyncio.to_thread(steps.place, order)
            await client.start_workflow(Fulfil.run, order, id=order["id"], task_queue=QUEUE, request_eager_start=True)

    async with asyncio.TaskGroup() as group:
        for _ in range(STARTERS):
            group.create_task(starter())


def main() -> None:
    """Run until SIGTERM."""
    asyncio.run(run())


if __name__ == "__main__":
    main()
