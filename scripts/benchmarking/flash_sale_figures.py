"""The figures of `scripts/bench flash-sale`: units sold, and rates beside those of orders over many products."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarking import options
from benchmarking.flash_sale_round import Ran

FLASH, UNIFORM = "flash sale", "uniform"


@dataclass
class FlashSale:
    """What was measured so far. Rates are orders that came to their end a second, a round each."""

    orders: int
    units: int
    connections: int
    sold_each: list[int] = field(default_factory=list)
    rates: dict[str, list[float]] = field(default_factory=lambda: {FLASH: [], UNIFORM: []})
    violations: list[str] = field(default_factory=list)

    def add_sale(self, ran: Ran) -> None:
        """Note a sale."""
        self.sold_each.append(ran.sold)
        self.rates[FLASH].append(round(ran.rate, 1))
        self.violations += ran.violations

    def add_uniform(self, ran: Ran) -> None:
        """Note a run over many products."""
        self.rates[UNIFORM].append(round(ran.rate, 1))
        self.violations += ran.violations

    @property
    def sold(self) -> int:
        """Units sold in a sale: of all rounds the number that is farthest from the units there were."""
        return max(self.sold_each, key=lambda sold: abs(sold - self.units))

    @property
    def medians(self) -> Mapping[str, float]:
        """The median rates."""
        return {name: round(statistics.median(rates), 1) for name, rates in self.rates.items()}

    @property
    def is_good(self) -> bool:
        """Whether exactly the units were sold in every round, and nothing is wrong."""
        return self.sold == self.units and not self.violations

    def as_json(self) -> dict[str, Any]:
        """Return the content of the JSON file, without what it was measured on."""
        medians = self.medians
        return {
            "orders": self.orders,
            "units": self.units,
            "connections": self.connections,
            "sold": self.sold,
            "rate": medians[FLASH],
            "uniform_rate": medians[UNIFORM],
            "ratio": round(medians[FLASH] / medians[UNIFORM], 3),
            "rounds": [
                {"sold": sold, "rate": rate, "uniform_rate": uniform}
                for sold, rate, uniform in zip(self.sold_each, self.rates[FLASH], self.rates[UNIFORM], strict=True)
            ],
            "violations": self.violations,
        }

    def tell(self) -> None:
        """Print the figures and the first violations."""
        found = self.as_json()
        each = {name: " ".join(f"{rate:.0f}" for rate in rates) for name, rates in self.rates.items()}
        print(f"sold: {' '.join(map(str, self.sold_each))} of {self.units} units")
        print(f"flash sale: {found['rate']:.1f} orders a second (rounds: {each[FLASH]})")
        print(f"uniform:    {found['uniform_rate']:.1f} orders a second (rounds: {each[UNIFORM]})")
        print(f"ratio of the medians: {found['ratio']:.3f}")
        options.tell_violations(self.violations)
