"""One drill: its steps, in order."""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import uuid4

from rich.console import Console

from demonstration import journeys
from demonstration.outcomes import PlannedOrder
from demonstration.setting_up import step
from drilling import left_over, progress, proof, setting_out, settling
from drilling.arsenal import STRIKES
from drilling.clocks import Clocks
from drilling.injection import Injection, shortfall
from drilling.kinds import Kind
from drilling.ledger import Ledger
from drilling.load import Load
from drilling.memory import Memory
from drilling.platform import Platform
from drilling.recovery import Recoveries
from drilling.result import Result, tell
from drilling.routes import takes_cancellations
from drilling.schedule import faults
from drilling.site import Site
from drilling.watch import Watch

#: Seconds of load before the first fault, and after the last one.
RUN_IN, RUN_OUT = 5.0, 5.0

#: Seconds that a fault takes with its recovery, on average at most: for so long there are orders and stock. If no
#: recovery were seen and every crash point were drawn to the last try, the deck's average would be about 20.
SECONDS_A_FAULT = 25.0

#: Seconds between two looks at the memory.
MEMORY_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller wants: at most so many faults, or minutes, whichever is over first."""

    faults: int | None
    minutes: float | None
    seed: int
    orders_per_second: float
    kinds: Sequence[Kind]
    cancelling: bool
    hurrying: bool
    json: Path | None
    keep: bool

    @property
    def goal(self) -> str:
        """How far the drill is to go, in words."""
        parts = (self.faults and f"{self.faults}", self.minutes and f"{self.minutes:g} min")
        return " or ".join(part for part in parts if part)

    def is_enough(self, faults: int, seconds: float) -> bool:
        """Whether so many faults have been done, or faults for so long, that no more are wanted."""
        enough_faults = self.faults is not None and faults >= self.faults
        return enough_faults or (self.minutes is not None and seconds > self.minutes * 60)

    @property
    def orders(self) -> int:
        """The orders that there may be, at most."""
        seconds = [self.faults * SECONDS_A_FAULT] if self.faults else []
        seconds += [self.minutes * 60] if self.minutes else []
        return math.ceil((min(seconds) + RUN_IN + RUN_OUT + 60) * self.orders_per_second)


class Drill:
    """Everything between the servers' start and their stop."""

    def __init__(self, options: Options, directory: Path) -> None:
        self._options = options
        self._id = uuid4()
        clocks = Clocks(directory / "clocks") if Kind.CLOCK_SKEW in options.kinds else None
        self._platform = Platform(str(self._id), directory, clocks, keep=options.keep)
        self._site = Site(self._platform, clocks)
        self._ledger = Ledger()
        self._recoveries = Recoveries()
        self._result = Result(options.seed, self._ledger, self._recoveries, Memory())
        self._is_over = False

    async def to_the_end(self) -> int:
        """Take all steps; return the exit code."""
        planned = setting_out.orders(await setting_out.purchases(), self._options.orders)
        await setting_out.start(self._platform)
        await setting_out.load_catalogue(planned, self._id)
        before = await asyncio.to_thread(left_over.look_when_quiet)
        earlier, _ = await asyncio.to_thread(journeys.under_way)
        async with asyncio.TaskGroup() as group:
            jobs = [group.create_task(job) for job in (self._look_after(), Watch(self._ledger, self._recoveries).run())]
            await self._under_load(planned)
            with step("settling"):
                if not await settling.settled(self._ledger, earlier):
                    self._result.notes.append("not everything settled by itself; what is open stands below")
            self._result.memory.look(self._platform.processes())
            for job in jobs:
                job.cancel()
        with step("proof: every order, store and provider"):
            await proof.prove(self._result, before)
        self._tell()
        self._is_over = True
        return 0 if self._result.is_good else 1

    def leave(self) -> None:
        """Stop the processes, unless the drill came to its end and they are to be kept."""
        if self._options.keep and self._is_over:
            print(f"kept: the front door at {self._platform.url}, the processes' logs {self._platform.log}")
            print(f"stop the processes with `{self._platform.kept()}`, the servers with `scripts/servers down`")
            return
        print("stopping the processes", flush=True)
        self._platform.stop()

    async def _under_load(self, planned: Sequence[PlannedOrder]) -> None:
        """Offer orders while faults come, until the last order is accepted."""
        cancelling = self._options.cancelling and takes_cancellations()
        if self._options.cancelling and not cancelling:
            self._result.notes.append("no order was cancelled: the front door takes no cancellations")
        load = Load(
            self._platform.url,
            str(self._id),
            self._options.orders_per_second,
            self._ledger,
            Random(self._options.seed),
            cancelling=cancelling,
        )
        shown = asyncio.create_task(progress.show(self._ledger, self._result.faults, self._options.goal))
        offering = asyncio.create_task(load.run(planned))
        try:
            await asyncio.sleep(RUN_IN)
            self._result.memory.look(self._platform.processes())
            await self._inject(load)
            await asyncio.sleep(RUN_OUT)
            load.stop()
            await offering
        finally:
            for task in (shown, offering):
                task.cancel()
            await asyncio.gather(shown, offering, return_exceptions=True)
            if self._site.clocks:
                self._site.clocks.put_right()

    async def _inject(self, load: Load) -> None:
        """Do the faults; those that could not be done although they were asked for are violations."""
        log = self._platform.log / "faults.log"
        injection = Injection(self._site, STRIKES, self._result, log, self._options.hurrying)
        planned = faults(self._options.seed, self._options.kinds)
        began, ran_out = time.monotonic(), False

        def goes_on() -> bool:
            nonlocal ran_out
            if self._options.is_enough(self._result.faults.total(), time.monotonic() - began):
                return False
            ran_out = load.is_exhausted
            return not ran_out

        await injection.run(planned, goes_on)
        self._result.violations += shortfall(self._result.faults, self._options.kinds, injection.drawn, ran_out=ran_out)

    async def _look_after(self) -> None:
        """Start again what ended, and look at the memory, until cancelled."""
        looked_at = time.monotonic()
        while True:
            self._platform.look_after()
            if self._ledger.accepted and time.monotonic() - looked_at > MEMORY_PAUSE:
                looked_at = time.monotonic()
                self._result.memory.look(self._platform.processes())
            await asyncio.sleep(0.2)

    def _tell(self) -> None:
        tell(self._result, Console())
        if self._options.json:
            self._result.write(self._options.json)
