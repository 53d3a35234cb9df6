"""The platform's own rounds: the Procfile's processes, orders over HTTP, and the auditor afterwards."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import TupleRow

from auditing import audit
from benchmarking import posting, row_counts, workload
from benchmarking.databases import platform_urls
from benchmarking.row_counts import Rows
from demonstration import catalogue, checking, journeys, loading, outcomes, stock
from demonstration.cdnow import Purchase, price_points
from demonstration.databases import looking_into, one_number
from demonstration.outcomes import PlannedOrder
from demonstration.processes import Processes, stop_earlier
from demonstration.setting_up import all_serving, run
from demonstration.tally import Tally
from local_servers import places
from persistence.databases import connection_parts

#: Seconds between two looks at the journeys that run, and without any progress until a round is given up.
PAUSE, STANDSTILL = 0.5, 120.0

#: Journeys under way: the index behind `idx_sagas_look_at` holds no others, so this costs the platform nearly nothing.
_RUNNING = "SELECT count(*), coalesce(sum(version), 0)::int FROM sagas WHERE status IN ('RUNNING', 'COMPENSATING')"

_LAST_MOVED = "SELECT max(created_at) FROM inventory_movements WHERE reference_id = ANY(%s)"


class PlatformFailedError(Exception):
    """Raised when the platform does not complete its orders; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to: orders a second from the first POST to the last journey COMPLETED.

    `settled_rate` counts to the last unit that left the warehouse, which happens beside the journeys.
    """

    rate: float
    settled_rate: float
    rows: Rows
    violations: Sequence[str]


async def round_of(bought: Sequence[Purchase], connections: int) -> Round:
    """Post the purchases as orders, wait until all are completed and told of, audit, and stop.

    Raises `PlatformFailedError`. There must be enough stock: see `set_up`.
    """
    run_id, urls = uuid4(), platform_urls()
    before = await asyncio.to_thread(row_counts.settled, urls)
    async with serving(run_id) as processes:
        tally = await complete(workload.planned(bought), processes, run_id, connections)
        ids = list(tally.accepted)
        violations = await audited(ids) + outcomes.surprises(tally.accepted, tally.came)
    after = await asyncio.to_thread(row_counts.settled, urls)
    seconds = await asyncio.to_thread(_last_moved, ids) - tally.first_post
    return Round(tally.rate, len(ids) / seconds, row_counts.per_order(before, after, len(ids)), violations)


@asynccontextmanager
async def serving(run_id: UUID) -> AsyncIterator[Processes]:
    """Run the Procfile's processes."""
    directory = places.directory("bench")
    await asyncio.to_thread(stop_earlier, places.directory("demo"))
    await asyncio.to_thread(stop_earlier, directory)
    processes = Processes(str(run_id), directory, keep=False)
    try:
        processes.start()
        await all_serving(processes)
        yield processes
    finally:
        processes.stop()


async def set_up(bought: Sequence[Purchase], rounds: int) -> None:
    """Bring the stores to their newest form; put what all rounds will buy into the catalogue and the warehouses."""
    await run("scripts/migrate", "up")
    run_id = uuid4()
    async with serving(run_id):
        await load_catalogue(price_points(bought), run_id)
        # As much in each warehouse as is needed in all, so that no order has to be served from two.
        needed = outcomes.units_held(workload.planned(bought) * rounds * len(stock.WAREHOUSES))
        await asyncio.to_thread(stock.open_warehouses)
        before = await asyncio.to_thread(stock.read_stock, [catalogue.product_id(cents) for cents in needed])
        delivered = stock.deliveries(needed, before, run_id)
        await loading.publish(delivered)
        await loading.done(delivered)


async def settled(ids: Sequence[UUID]) -> None:
    """Wait until the mails of these orders are sent and their goods have left; raises `PlatformFailedError`."""
    if not await checking.settled(ids):
        raise PlatformFailedError("mails or stock movements do not get on; the dead_letters tables may tell why")


async def audited(ids: Sequence[UUID]) -> list[str]:
    """Return what the auditor has to say of orders, once they are settled. Raises `PlatformFailedError`."""
    await settled(ids)
    report = await asyncio.to_thread(audit, orders=ids)
    return [str(violation) for violation in report.violations]


async def load_catalogue(points: Sequence[int], run_id: UUID) -> None:
    """Put a product at each price (cents) into the catalogue, and wait until orders knows them."""
    commands = catalogue.put_products(points, run_id)
    await loading.publish(commands)
    await loading.done(commands)
    prices = [catalogue.price_id(cents) for cents in points]
    query = "SELECT count(*) FROM price_copies WHERE id = ANY(%s)"
    await loading.until(len(prices), lambda: one_number("orders", query, prices), "price copies in orders")


async def complete(planned: Sequence[PlannedOrder], processes: Processes, run_id: UUID, connections: int) -> Tally:
    """Post all orders and wait until the last is completed; the tally knows when each was."""
    tally = Tally(len(planned))
    await posting.post_all(processes.url, str(run_id), planned, connections, tally)
    if tally.refused:
        raise PlatformFailedError(f"{len(tally.refused)} orders were not accepted: {tally.refused[0]}")
    if tally.retries:
        print(f"    {tally.retries} requests were repeated: the front door had said that it could not now", flush=True)
    watch, seen, moved_at = journeys.Watch(tally), (-1, -1), time.monotonic()
    # One connection for all looks: what a new one costs PostgreSQL would be in the figures.
    with psycopg.connect(**connection_parts("coordination"), autocommit=True) as connection:
        while not tally.is_over:
            now = await asyncio.to_thread(_running, connection)
            if now[0] == 0:
                await watch.look()
            if now != seen:
                seen, moved_at = now, time.monotonic()
            elif time.monotonic() - moved_at > STANDSTILL:
                raise PlatformFailedError("; ".join(journeys.hanging(tally.in_flight)[:3]))
            await asyncio.sleep(0 if tally.is_over else PAUSE)
    return tally


def _running(connection: psycopg.Connection[TupleRow]) -> tuple[int, int]:
    count, versions = connection.execute(_RUNNING).fetchone() or (0, 0)
    return int(count), int(versions)


def _last_moved(ids: Sequence[UUID]) -> float:
    with looking_into("inventory") as connection:
        (last,) = connection.execute(_LAST_MOVED, (list(ids),)).fetchone() or (None,)
    return float(last.timestamp())
