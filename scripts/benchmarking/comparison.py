"""The figures of a comparison: rates of every round, and how many times a peer's median the platform's is."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarking.row_counts import Rows

OURS = "ours"


@dataclass
class Comparison:
    """What was measured so far. Rates are complete orders a second, by name, a round each.

    `orders_taken`: the orders of a round, by name: slow peers take fewer.
    """

    orders: int
    rounds: int
    orders_taken: dict[str, int] = field(default_factory=dict)
    rates: dict[str, list[float]] = field(default_factory=dict)
    settled_rates: list[float] = field(default_factory=list)
    rows: dict[str, Rows] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def add(self, name: str, orders: int, rate: float, rows: Rows, violations: Sequence[str]) -> None:
        """Note a round of the platform, or of a peer."""
        self.orders_taken[name] = orders
        self.rates.setdefault(name, []).append(round(rate, 1))
        self.rows[name] = rows
        self.violations += violations

    @property
    def medians(self) -> dict[str, float]:
        """The median rate, by name."""
        return {name: statistics.median(rates) for name, rates in self.rates.items()}

    @property
    def ratios(self) -> dict[str, float]:
        """The platform's median over each peer's."""
        medians = self.medians
        return {name: round(medians[OURS] / rate, 3) for name, rate in medians.items() if name != OURS}

    @property
    def orders_told(self) -> str:
        """How many orders a round has, and for whom it has fewer."""
        fewer = [f"{name} {taken:,}" for name, taken in self.orders_taken.items() if taken < self.orders]
        return f"{self.orders:,} orders" + (f" ({', '.join(fewer)})" if fewer else "")

    def as_json(self, machine: Mapping[str, Any], versions: Mapping[str, str]) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return {
            "orders": self.orders,
            "orders_taken": self.orders_taken,
            "rounds": self.rounds,
            "rates": self.rates,
            "medians": self.medians,
            "ratios": self.ratios,
            "settled_rates": {OURS: self.settled_rates},
            "rows_per_order": self.rows,
            "violations": self.violations,
            "machine": dict(machine),
            "versions": dict(versions),
        }
