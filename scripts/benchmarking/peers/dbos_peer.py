"""DBOS: a durable workflow of four steps, started through a queue, with its checkpoints in PostgreSQL.

The steps are `@DBOS.step`s that may be repeated, as its documentation has them for databases that are not DBOS's own:
one checkpoint each and nothing in the order's databases. Two processes, since one is bound to one core.
"""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

from dbos import DBOS, DBOSConfig, SetWorkflowID

from benchmarking.peers import job, steps
from benchmarking.workload import OneLineOrder

QUEUE = "orders"

#: Workflows that a process runs at once, threads that start orders, and seconds between looks into the queue. Each
#: thread has connections of its own to the databases: with 32 workflows they were more than the 300 that are taken.
CONCURRENCY, STARTERS, POLL_SECONDS = 12, 4, 0.05


@DBOS.step()
def reserve(order: OneLineOrder) -> None:
    """Hold the stock."""
    steps.reserve(order)


@DBOS.step()
def pay(order: OneLineOrder) -> None:
    """Authorise the payment."""
    steps.pay(order)


@DBOS.step()
def ship(order: OneLineOrder) -> None:
    """Book the parcel."""
    steps.ship(order)


@DBOS.step()
def complete(order: OneLineOrder) -> None:
    """Close the order."""
    steps.complete(order)


@DBOS.workflow()
def fulfil(order: OneLineOrder) -> None:
    """Take an order through its steps."""
    reserve(order)
    pay(order)
    ship(order)
    complete(order)


def _start(order: OneLineOrder) -> None:
    steps.place(order)
    with SetWorkflowID(order["id"]):
        DBOS.enqueue_workflow(QUEUE, fulfil, order)


def main() -> None:
    """Start this process's share of the orders, and work until SIGTERM."""
    place, _ = job.share()
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": os.environ["BENCH_SYSTEM_URL"],
        "sys_db_pool_size": CONCURRENCY,
        "executor_id": f"bench-{place}",
        "application_version": "1",
        "log_level": "WARNING",
        "max_executor_threads": CONCURRENCY * 2,
    }
    DBOS(config=config)
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=CONCURRENCY, polling_interval_sec=POLL_SECONDS)
    found = job.orders()
    with ThreadPoolExecutor(STARTERS) as starters:
        job.begin()
        for _ in starters.map(_start, found):
            pass
    signal.pause()


if __name__ == "__main__":
    main()
