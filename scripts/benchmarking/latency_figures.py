"""The figures of `scripts/bench latency`: percentiles of whole orders, and of each hop."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from benchmarking.latency_times import History

#: What is told of every rate, in thousandths of the orders, by the name in the JSON file.
TOLD = {"p50_ms": 500, "p90_ms": 900, "p99_ms": 990, "p999_ms": 999, "max_ms": 1000}


class NothingMeasuredError(ValueError):
    """Raised when there is no value of which a percentile could be told."""


def percentile(ordered: Sequence[float], thousandths: int) -> float:
    """Return the least of the values, which are in order, that so many thousandths of them do not exceed."""
    if not ordered:
        raise NothingMeasuredError("not one order was completed, so there is no latency to tell")
    return ordered[max(0, -(-thousandths * len(ordered) // 1000) - 1)]


@dataclass(frozen=True, slots=True)
class Hop:
    """What lies between two points of the journey, over the orders that went this way. Milliseconds."""

    name: str
    orders: int
    p50_ms: float
    p99_ms: float

    def as_json(self) -> dict[str, Any]:
        """Return it as the JSON file has it."""
        return {"hop": self.name, "p50_ms": self.p50_ms, "p99_ms": self.p99_ms, "orders": self.orders}


@dataclass(frozen=True, slots=True)
class Latencies:
    """One rate: its orders' latencies in rising order, how late the client sent them (ms), hops, violations."""

    rate: float
    ordered_ms: Sequence[float]
    late_p99_ms: float
    hops: Sequence[Hop]
    violations: Sequence[str]

    @classmethod
    def of(cls, rate: float, histories: Sequence[History], violations: Sequence[str]) -> Self:
        """Make the figures of completed orders; raises `NothingMeasuredError` without any."""
        late = sorted(_ms(one.late) for one in histories)
        ordered = sorted(_ms(one.latency) for one in histories)
        return cls(rate, ordered, percentile(late, 990), _hops(histories), violations)

    def as_json(self) -> dict[str, Any]:
        """Return it as the JSON file has it."""
        return {
            "rate": self.rate,
            "orders": len(self.ordered_ms),
            **{name: percentile(self.ordered_ms, thousandths) for name, thousandths in TOLD.items()},
            "sent_late_p99_ms": self.late_p99_ms,
            "hops": [hop.as_json() for hop in self.hops],
            "violations": list(self.violations),
        }


def _hops(histories: Sequence[History]) -> list[Hop]:
    """Return the hops in the order in which they were first met."""
    found: dict[str, list[float]] = {}
    for history in histories:
        for name, seconds in history.hops():
            found.setdefault(name, []).append(_ms(seconds))
    return [_hop(name, sorted(values)) for name, values in found.items()]


def _hop(name: str, ordered: Sequence[float]) -> Hop:
    return Hop(name, len(ordered), percentile(ordered, 500), percentile(ordered, 990))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
