"""Celery: a chain reserve -> pay -> ship -> complete on RabbitMQ, as its guide to optimising advises for short tasks.

Durable as usual: late acknowledgements, persistent messages, results ignored; publishes are not confirmed, which is
Celery's default. Two prefork processes a core: a task waits for commits about as long as it computes.
"""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import celery  # type: ignore[import-untyped]
from celery.signals import worker_ready  # type: ignore[import-untyped]

from benchmarking.peers import job, steps
from benchmarking.workload import OneLineOrder

QUEUE = "bench_celery"

#: Prefork processes on two cores, messages that each may have in advance, and threads that start orders.
PROCESSES, PREFETCH, STARTERS = 4, 64, 4

app = celery.Celery(QUEUE, broker=os.environ.get("RABBITMQ_URL"))
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    task_default_queue=QUEUE,
    task_default_exchange=QUEUE,
    task_default_routing_key=QUEUE,
    task_send_sent_event=False,
    worker_send_task_events=False,
    worker_prefetch_multiplier=PREFETCH,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)


@app.task(name="bench.reserve")  # type: ignore[untyped-decorator]
def reserve(order: OneLineOrder) -> None:
    """Hold the stock."""
    steps.reserve(order)


@app.task(name="bench.pay")  # type: ignore[untyped-decorator]
def pay(order: OneLineOrder) -> None:
    """Authorise the payment."""
    steps.pay(order)


@app.task(name="bench.ship")  # type: ignore[untyped-decorator]
def ship(order: OneLineOrder) -> None:
    """Book the parcel."""
    steps.ship(order)


@app.task(name="bench.complete")  # type: ignore[untyped-decorator]
def complete(order: OneLineOrder) -> None:
    """Close the order."""
    steps.complete(order)


@worker_ready.connect  # type: ignore[untyped-decorator]
def _tell(**_: Any) -> None:
    job.ready()


def work() -> None:
    """Run the worker until SIGTERM."""
    options = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING"]
    app.worker_main(["worker", "--pool=prefork", f"--concurrency={PROCESSES}", "-O", "fair", *options])


def start() -> None:
    """Place every order and send its chain."""
    found = job.orders()
    with app.connection_for_write() as connection:
        app.amqp.queues[QUEUE](connection).declare()
    with ThreadPoolExecutor(STARTERS) as starters:
        job.begin()
        for _ in starters.map(_start, found):
            pass


def _start(order: OneLineOrder) -> None:
    steps.place(order)
    celery.chain(*(task.si(order) for task in (reserve, pay, ship, complete))).apply_async()


def main(arguments: Sequence[str]) -> None:
    """`work` or `start`."""
    {"work": work, "start": start}[arguments[0]]()


if __name__ == "__main__":
    # Under its own name, so that tasks are registered once.
    from benchmarking.peers import celery_peer

    celery_peer.main(sys.argv[1:])
