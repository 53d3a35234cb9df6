"""How long the platform needed after each fault until orders were completed again."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from drilling.kinds import Kind


@dataclass
class Recovery:
    """One fault that ended, at `ended_at` (monotonic seconds), and the first order completed after it."""

    kind: Kind
    ended_at: float
    seen: asyncio.Event = field(default_factory=asyncio.Event)
    any_order: float | None = None
    new_order: float | None = None


class Recoveries:
    """All of them; told by the watch of every look at the journeys."""

    def __init__(self) -> None:
        self._waiting: list[Recovery] = []
        self._any: dict[Kind, list[float]] = defaultdict(list)
        self._new: dict[Kind, list[float]] = defaultdict(list)

    def begin(self, kind: Kind, ended_at: float) -> Recovery:
        """Wait for the next order that is completed after a fault."""
        recovery = Recovery(kind, ended_at)
        self._waiting.append(recovery)
        return recovery

    def completed(self, since: float, now: float, latest_acceptance: float) -> None:
        """Note that orders were completed between two looks (monotonic seconds), one of them accepted that late.

        An order that may have been completed before the fault's end proves nothing, so both looks must be after it.
        """
        for recovery in self._waiting:
            if recovery.any_order is None and since >= recovery.ended_at:
                recovery.any_order = now - recovery.ended_at
                self._any[recovery.kind].append(recovery.any_order)
                recovery.seen.set()
            if recovery.new_order is None and latest_acceptance >= recovery.ended_at:
                recovery.new_order = now - recovery.ended_at
                self._new[recovery.kind].append(recovery.new_order)
        self._waiting = [one for one in self._waiting if one.any_order is None or one.new_order is None]

    def of_any_order(self) -> dict[str, dict[str, float]]:
        """Return p50 and max, in seconds by kind, until any order was completed."""
        return summed_up(self._any)

    def of_new_orders(self) -> dict[str, dict[str, float]]:
        """Return p50 and max, in seconds by kind, until an order was completed that was accepted after the fault."""
        return summed_up(self._new)


def summed_up(seconds: Mapping[Kind, Sequence[float]]) -> dict[str, dict[str, float]]:
    """Return the median and the greatest of each kind that has any."""
    return {
        kind.value: {"p50": round(median(seconds[kind]), 2), "max": round(max(seconds[kind]), 2)}
        for kind in Kind
        if seconds.get(kind)
    }
