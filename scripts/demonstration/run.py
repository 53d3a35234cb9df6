"""One run of the demo: its steps, in order."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from rich.console import Console

from contexts.messages import Stamped
from demonstration import catalogue, cdnow, checking, display, journeys, loading, outcomes, report, stock
from demonstration.databases import one_number
from demonstration.outcomes import PlannedOrder
from demonstration.processes import Processes, stop_earlier
from demonstration.replay import Replay
from demonstration.report import Result
from demonstration.setting_up import all_serving, download, look_at_queues, queues, run, seconds_alive, step
from demonstration.tally import Tally

#: Seconds in which nothing moves, after which the rest is given up.
STANDSTILL = 120.0

#: The same for orders of earlier runs, which are not this run's business.
EARLIER_STANDSTILL = 10.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller wants."""

    orders: int
    customers: int
    json: Path | None
    keep: bool


class Run:
    """Everything between the servers' start and their stop."""

    def __init__(self, options: Options, directory: Path) -> None:
        self._options = options
        self._directory = directory
        self._id = uuid4()
        self._console = Console()
        self._processes = Processes(str(self._id), directory, keep=options.keep)
        self._is_over = False

    async def to_the_end(self) -> int:
        """Take all steps; return the exit code."""
        everything, planned = await self._read_purchases()
        await self._start()
        points = cdnow.price_points(everything)
        products = [catalogue.product_id(cents) for cents in points]
        await self._load_catalogue(points)
        before, delivered = await self._stock_up(products, planned)
        tally = Tally(len(planned))
        result = Result(tally, planned, seconds_alive())
        print(f"set up in {result.setup_seconds:.1f} s; the rule: {outcomes.RULE}", flush=True)
        await self._replay(planned, tally)
        await self._check(result, products, before, delivered)
        await self._tell(result)
        self._is_over = True
        return 0 if result.is_good else 1

    def leave(self) -> None:
        """Stop the processes, unless the run came to its end and they are to be kept."""
        if self._options.keep and self._is_over:
            print(f"kept: the front door at {self._processes.url}, its processes' log {self._processes.log}")
            print(f"a CD for $11.77 is product {catalogue.product_id(1177)}")
            print(f"stop the processes with `{self._processes.kept()}`, the servers with `scripts/servers down`")
            return
        print("stopping the processes", flush=True)
        self._processes.stop()

    async def _read_purchases(self) -> tuple[list[cdnow.Purchase], list[PlannedOrder]]:
        with step(f"purchases: {cdnow.PURCHASES} of {cdnow.CUSTOMERS} customers"):
            await download(cdnow.DIRECTORY)
            everything = await asyncio.to_thread(cdnow.purchases, cdnow.DIRECTORY)
        return everything, outcomes.planned(everything[: self._options.orders])

    async def _start(self) -> None:
        with step("stores: bringing them to their newest form"):
            await run("scripts/migrate", "up")
        if await asyncio.to_thread(stop_earlier, self._directory):
            print("stopped the processes that an earlier --keep left running", flush=True)
        consumed = [name for name, (_, consumers) in look_at_queues(queues()).items() if consumers]
        if consumed:
            print(f"note: workers that are not this demo's consume {', '.join(consumed)}, and will take part")
        with step(f"processes: the Procfile, front door at {self._processes.url}, log {self._processes.log}"):
            self._processes.start()
            await all_serving(self._processes)
            await self._finish_earlier_orders()

    async def _finish_earlier_orders(self) -> None:
        """Let orders that an interrupted run left behind come to their end: they still hold stock."""
        seen, moved_at = (-1, -1, -1), time.monotonic()
        while (now := await asyncio.to_thread(_left_behind)) and time.monotonic() - moved_at < EARLIER_STANDSTILL:
            if now != seen:
                seen, moved_at = now, time.monotonic()
            await asyncio.sleep(0.5)
        if now:
            print(f"note: {now[1]} journeys of earlier orders do not end by themselves; they are left alone")

    async def _load_catalogue(self, points: Sequence[int]) -> None:
        with step(f"catalogue: {len(points)} products"):
            commands = catalogue.put_products(points, self._id)
            await loading.publish(commands)
            await loading.done(commands)
            prices = [catalogue.price_id(cents) for cents in points]
            query = "SELECT count(*) FROM price_copies WHERE id = ANY(%s)"
            await loading.until(len(prices), lambda: one_number("orders", query, prices), "price copies in orders")

    async def _stock_up(
        self, products: Sequence[UUID], planned: Sequence[PlannedOrder]
    ) -> tuple[stock.Stock, list[Stamped]]:
        with step("stock: deliveries to the warehouses"):
            await asyncio.to_thread(stock.open_warehouses)
            before = await asyncio.to_thread(stock.read_stock, products)
            delivered = stock.deliveries(outcomes.units_held(planned), before, self._id)
            await loading.publish(delivered)
            await loading.done(delivered)
        return before, delivered

    async def _replay(self, planned: Sequence[PlannedOrder], tally: Tally) -> None:
        replay = Replay(self._processes.url, str(self._id), planned, self._options.customers, tally)
        watch = journeys.Watch(tally)
        jobs = [asyncio.create_task(job) for job in (replay.run(), watch.run(), display.show(tally, self._console))]
        try:
            await self._until_over(tally, jobs)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _until_over(self, tally: Tally, jobs: Sequence["asyncio.Task[None]"]) -> None:
        """Wait for the last order, keeping the process manager alive; give up when nothing moves any more."""
        while not all(job.done() for job in jobs) and time.monotonic() - tally.moved_at < STANDSTILL:
            for job in jobs:
                if job.done():
                    job.result()  # a fault in one of them ends the run
            if self._processes.look_after():
                tally.restarts = self._processes.restarts
                print("the process manager ended; it was started again", flush=True)
            await asyncio.sleep(0.1)

    async def _check(
        self, result: Result, products: Sequence[UUID], before: stock.Stock, delivered: Sequence[Stamped]
    ) -> None:
        tally, ids = result.tally, list(result.tally.accepted)
        final = list(tally.came)
        with step("check: what stores and providers say of every order"):
            await self._meanwhile(checking.settled(final))
            audited, disagreements = await asyncio.to_thread(checking.checked, ids, tally.in_flight)
            result.captured_cents = audited.kept_minor.get(checking.CURRENCY, 0)
            result.violations += tally.refused + outcomes.surprises(tally.accepted, tally.came)
            result.violations += await asyncio.to_thread(journeys.hanging, tally.in_flight)
            result.violations += disagreements
            result.notes += audited.notes
            references = [*ids, *(one.correlation_id for one in delivered)]
            after = await asyncio.to_thread(stock.read_stock, products, references)
            sold = outcomes.units_sold(result.planned)
            result.violations += stock.stock_differences(before, stock.delivered_units(delivered), sold, after)

    async def _meanwhile(self, work: Coroutine[Any, Any, Any]) -> None:
        """Wait for some work, keeping the process manager alive."""
        task = asyncio.create_task(work)
        try:
            while not task.done():
                self._processes.look_after()
                await asyncio.wait([task], timeout=0.2)
            task.result()
        finally:
            task.cancel()

    async def _tell(self, result: Result) -> None:
        report.outcomes(result, self._console)
        report.conservation(result, self._console)
        await report.timelines(self._processes.url, result.tally, self._console)
        rate = f"{result.tally.rate:.1f} orders a second, {result.tally.seconds:.2f} s from the first POST"
        print(f"{len(result.tally.came)} of {result.tally.orders} orders are final: {rate} to the last final order")
        if self._options.json:
            result.write(self._options.json)


def _left_behind() -> tuple[int, int, int] | None:
    """Return messages that wait, journeys under way and their progress; None if there are none."""
    waiting = sum(messages for messages, _ in look_at_queues(queues()).values())
    count, progress = journeys.under_way()
    return (waiting, count, progress) if waiting or count else None
