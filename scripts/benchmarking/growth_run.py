"""One run of `scripts/bench growth`: the stores grow from size to size, and at each the platform is measured."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from functools import partial
from itertools import cycle, islice
from uuid import UUID, uuid4

from auditing import audit
from benchmarking import growth_stores, latency_load, latency_times, platform, process_figures, workload
from benchmarking.growth_loading import Loading
from benchmarking.growth_pattern import Pattern, pattern_of
from benchmarking.growth_report import Size
from benchmarking.latency_figures import percentile
from benchmarking.platform import PlatformFailedError, complete, serving
from benchmarking.row_counts import LATE_SECONDS
from benchmarking.threads import in_a_thread
from demonstration import outcomes
from demonstration.cdnow import Purchase
from demonstration.processes import Processes
from demonstration.setting_up import step

#: Orders that are completed before anything is measured: the patterns of those that are loaded.
PATTERNS = 100

#: Orders a second whose latency is measured, and for how many seconds.
LATENCY_RATE, LATENCY_SECONDS = 5.0, 10

#: Orders that may be stored beyond the first size before it is measured.
TOLERATED = 20_000

#: Loaded orders that are audited, of each load.
SAMPLE = 2_000


class Growing:
    """The stores of one run, as they grow."""

    def __init__(self, sizes: Sequence[int], orders: int, rounds: int, connections: int) -> None:
        self._sizes = sizes
        self._rounds = rounds
        self._connections = connections
        self._bought = workload.one_line_purchases(orders)
        self._slowly = self._bought_again(round(LATENCY_RATE * LATENCY_SECONDS))
        self._patterns: list[Pattern] = []
        self._inbox: dict[str, int] = {}
        self.violations: list[str] = []

    async def all_sizes(self) -> list[Size]:
        """Set the platform up, and measure it at every size. Raises `PlatformFailedError`."""
        await self._begin()
        return [await self._size(size) for size in self._sizes]

    async def _begin(self) -> None:
        """Have stock for everything, and complete the orders that are the patterns of those to be loaded."""
        warm_up, measured = self._bought_again(PATTERNS), self._bought * self._rounds
        with step("the platform: stores, catalogue and stock"):
            await platform.set_up(warm_up + (warm_up + measured + self._slowly) * len(self._sizes), 1)
        before = await asyncio.to_thread(growth_stores.inbox_counts)
        require_room(self._sizes, await asyncio.to_thread(growth_stores.stored))
        run_id = uuid4()
        async with serving(run_id) as processes:
            with step(f"{PATTERNS} orders are completed: the patterns"):
                ids = await self._completed(warm_up, processes, run_id)
        after = await asyncio.to_thread(growth_stores.inbox_counts)
        self._inbox = {context: (after[context] - before[context]) // PATTERNS for context in after}
        self._patterns = await asyncio.to_thread(lambda: [pattern_of(one) for one in ids])

    async def _size(self, size: int) -> Size:
        """Grow to a size, and measure there."""
        await self._grow(size)
        stored = await asyncio.to_thread(growth_stores.stored)
        before, run_id = await asyncio.to_thread(growth_stores.scans), uuid4()
        with step(f"{stored:,} orders stored"):
            async with serving(run_id) as processes:
                rates, ids, p50_ms = await self._measured(processes, run_id)
                working = process_figures.without_supervisors(process_figures.of_procfile(run_id))
                memory = process_figures.memory_mb(working)
        await asyncio.sleep(LATE_SECONDS)
        after = await asyncio.to_thread(growth_stores.scans)
        with step(f"the audit of {len(ids)} orders"):
            report = await asyncio.to_thread(audit, orders=ids)
        self.violations += [str(one) for one in report.violations]
        found = Size(
            stored=stored,
            rates=rates,
            rate=statistics.median(rates),
            p50_ms=p50_ms,
            rss_mb=memory,
            sequential_scans=after.sequential_since(before),
            index_scans=after.by_index_since(before),
            database_bytes=await asyncio.to_thread(growth_stores.database_bytes),
        )
        print(f"    {found.rate:.1f} orders a second, p50 {p50_ms:.1f} ms", flush=True)
        return found

    async def _grow(self, size: int) -> None:
        missing = size - await asyncio.to_thread(growth_stores.stored)
        if missing > 0:
            loading = Loading(self._patterns, self._inbox, missing)
            with step(f"{missing:,} finished orders are loaded"):
                await in_a_thread(lambda stopped: loading.run(stopped, partial(print, flush=True)))
            with step("some of them, and all stock levels, are audited"):
                self.violations += await asyncio.to_thread(growth_stores.wrong, loading.sample(SAMPLE))
        with step("VACUUM (ANALYZE) and a checkpoint"):
            await asyncio.to_thread(growth_stores.put_in_order)

    async def _measured(self, processes: Processes, run_id: UUID) -> tuple[list[float], list[UUID], float]:
        """Return the rates of the rounds, all orders' ids, and the median latency at a low rate (ms)."""
        ids = await self._completed(self._bought_again(PATTERNS), processes, run_id)
        rates = []
        for number in range(1, self._rounds + 1):
            round_id, began = uuid4(), time.monotonic()
            tally = await complete(workload.planned(self._bought), processes, round_id, self._connections)
            print(f"    round {number}: {tally.rate:.1f} a second ({time.monotonic() - began:.1f} s)", flush=True)
            rates.append(round(tally.rate, 1))
            ids += tally.accepted
            self.violations += outcomes.surprises(tally.accepted, tally.came)
            await platform.settled(list(tally.accepted))
        offered = await latency_load.offer(processes.url, workload.planned(self._slowly), LATENCY_RATE)
        await latency_load.until_ended(offered.tally)
        ids += offered.tally.accepted
        await platform.settled(list(offered.tally.accepted))
        histories = await asyncio.to_thread(latency_times.histories, offered.sendings)
        return rates, ids, percentile(sorted(round(1000 * one.latency, 2) for one in histories), 500)

    async def _completed(self, bought: Sequence[Purchase], processes: Processes, run_id: UUID) -> list[UUID]:
        """Complete some orders that are not measured; return their ids."""
        tally = await complete(workload.planned(bought), processes, run_id, self._connections)
        await platform.settled(list(tally.accepted))
        return list(tally.accepted)

    def _bought_again(self, count: int) -> list[Purchase]:
        return list(islice(cycle(self._bought), count))


def require_room(sizes: Sequence[int], stored: int) -> None:
    """Raise `PlatformFailedError` if there are many more orders already than are to be measured first."""
    if stored > sizes[0] + TOLERATED:
        raise PlatformFailedError(
            f"{stored:,} orders are stored already, and {sizes[0]:,} are to be measured first: begin afresh with "
            "`scripts/servers reset`, which deletes everything, or in another FIRST_VISCOUNT_RUN_DIR"
        )
