"""Faults, one after the other, while orders come in; and what is missing of those that were asked for."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from drilling.kinds import Kind, patience
from drilling.result import Result
from drilling.schedule import Fault
from drilling.site import Site, Strike, Struck

#: Times that a fault is drawn again, with other details, when there was nothing for it to strike.
TRIES = 5


@dataclass
class Injection:
    """Does faults, counts those that happened, and waits for the recovery after each, unless in a hurry."""

    site: Site
    strikes: Mapping[Kind, Strike]
    result: Result
    log: Path
    hurrying: bool
    drawn: int = 0
    """Faults that were drawn and tried to the end, whether or not they happened."""

    async def run(self, planned: Iterable[Fault], goes_on: Callable[[], bool]) -> None:
        """Do the planned faults until told that it does not go on; a fault begins when the last one is over."""
        for fault in planned:
            if not goes_on():
                return
            struck = await self._strike(fault, goes_on)
            if struck is None and not goes_on():
                return
            self.drawn += 1
            if struck:
                self._count(fault, struck)
                await self._recovered(fault.kind, struck.ended_at)

    async def _strike(self, fault: Fault, goes_on: Callable[[], bool]) -> Struck | None:
        dice = fault.dice()
        for _ in range(TRIES):
            await asyncio.sleep(fault.pause)
            struck = await self.strikes[fault.kind](self.site, dice)
            if struck or not goes_on():
                return struck
        self._write(fault, "found nothing to strike")
        return None

    def _count(self, fault: Fault, struck: Struck) -> None:
        self.result.faults[fault.kind] += 1
        if struck.outage is not None:
            self.result.outages.setdefault(fault.kind, []).append(struck.outage)
        self._write(fault, struck.what)

    async def _recovered(self, kind: Kind, ended_at: float) -> None:
        recovery = self.result.recoveries.begin(kind, ended_at)
        with suppress(TimeoutError):
            await asyncio.wait_for(recovery.seen.wait(), patience(kind, hurrying=self.hurrying))

    def _write(self, fault: Fault, what: str) -> None:
        with self.log.open("a") as log:
            log.write(f"{time.strftime('%H:%M:%S')} {fault.number} {fault.kind}: {what}\n")


def shortfall(done: Counter[Kind], kinds: Collection[Kind], drawn: int, *, ran_out: bool) -> list[str]:
    """Return a sentence if the orders ran out before the last fault, and one for each kind that never happened.

    A deck opens with one of each kind, so no kind may be missing where that many were drawn.
    """
    sentences = []
    if ran_out:
        sentences.append(f"only {done.total()} faults were done: all orders were offered before the last one")
    if drawn >= len(kinds):
        sentences += [f"{kind} never happened, although it was drawn" for kind in kinds if not done[kind]]
    return sentences
