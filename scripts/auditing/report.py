"""What an audit found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

#: Is told from time to time how far the audit is, in words for a person.
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Violation:
    """One side says this, `but` the other side says that: of an order, or of a product in a warehouse.

    `check` is a stable name such as `payment_disagrees`. Amounts in the texts are minor currency units.
    """

    check: str
    says: str
    but: str
    order_id: UUID | None = None
    product_id: UUID | None = None
    warehouse_id: UUID | None = None

    def __str__(self) -> str:
        if self.order_id:
            about = f"order {self.order_id}"
        else:
            about = f"product {self.product_id} in warehouse {self.warehouse_id}"
        return f"{about}: {self.check}: {self.says}, but {self.but}"

    def as_json(self) -> dict[str, Any]:
        """Return it as it stands in `ops audit --json`."""
        place = {"product_id": self.product_id, "warehouse_id": self.warehouse_id} if self.product_id else {}
        return {"check": self.check, "order_id": self.order_id, **place, "says": self.says, "but": self.but}


@dataclass(frozen=True)
class Report:
    """What an audit found. Of orders `in_flight`, which were still under way, only what always holds was asked.

    `notes` are what was not looked at, and what is no violation but worth knowing. `kept_minor` is what was captured
    and not given back, by currency, as the payments say.
    """

    orders: int
    in_flight: int
    violations: tuple[Violation, ...]
    notes: tuple[str, ...] = ()
    kept_minor: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as `ops audit --json` prints it."""
        return {
            "orders": self.orders,
            "in_flight": self.in_flight,
            "violations": [one.as_json() for one in self.violations],
            "notes": list(self.notes),
            "kept_minor": dict(self.kept_minor),
        }
