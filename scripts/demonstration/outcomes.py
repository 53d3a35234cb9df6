"""Which orders are to fail and how, what is to come of every order, and where that differs from what came."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from demonstration.cdnow import Purchase

#: Units that such an order asks for: as many as the front door lets through. The stock of a CD is kept below.
MORE_THAN_THERE_IS = 10_000

RULE = """\
of each 100 orders, in date order, numbers 33 and 66 pay with a card that is declined
(a purchase of nothing worth needs no card and completes), number 50 asks for 10,000 units where fewer are,
number 75 goes where no carrier goes"""


class Fate(StrEnum):
    """What is to happen to an order on its way."""

    ORDINARY = "ordinary"
    DECLINED_CARD = "declined card"
    MORE_THAN_THERE_IS = "more than there is"
    NO_CARRIER = "refused by the carrier"


#: The saga's reason for undoing an order of this fate.
REASONS = {
    Fate.DECLINED_CARD: "pay_refused",
    Fate.MORE_THAN_THERE_IS: "reserve_refused",
    Fate.NO_CARRIER: "ship_refused",
}

#: What became of an order that was completed, among the reasons of the others.
COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """Purchase number `number` (from 1, in date order) and what is to happen to it."""

    number: int
    purchase: Purchase
    fate: Fate

    @property
    def outcome(self) -> str:
        """`completed`, or the saga's reason for undoing it."""
        return REASONS.get(self.fate, COMPLETED)

    @property
    def sold_cents(self) -> int:
        """What is to be captured for it."""
        return 0 if self.fate in REASONS else self.purchase.cents


def fate(number: int, purchase: Purchase) -> Fate:
    """Return what the rule says of an order."""
    match number % 100:
        case 33 | 66 if purchase.cents:
            return Fate.DECLINED_CARD
        case 50:
            return Fate.MORE_THAN_THERE_IS
        case 75:
            return Fate.NO_CARRIER
    return Fate.ORDINARY


def planned(bought: Sequence[Purchase]) -> list[PlannedOrder]:
    """Return the orders of purchases that are in date order."""
    return [PlannedOrder(number, one, fate(number, one)) for number, one in enumerate(bought, start=1)]


def expected_cents(orders: Sequence[PlannedOrder]) -> int:
    """Return what is to be captured in all."""
    return sum(order.sold_cents for order in orders)


def units_sold(orders: Sequence[PlannedOrder]) -> Counter[int]:
    """Return the units that are to leave the warehouses, by price in cents."""
    return _units(order for order in orders if order.outcome == COMPLETED)


def units_held(orders: Sequence[PlannedOrder]) -> Counter[int]:
    """Return the units that are held at some time, by price in cents: those sold, and those given back later."""
    return _units(order for order in orders if order.fate is not Fate.MORE_THAN_THERE_IS)


def _units(orders: Iterable[PlannedOrder]) -> Counter[int]:
    units: Counter[int] = Counter()
    for order in orders:
        for cents, quantity in order.purchase.lines:
            units[cents] += quantity
    return units


def surprises(orders: Mapping[UUID, PlannedOrder], came: Mapping[UUID, str]) -> list[str]:
    """Return a sentence for every final order that did not come out as the rule says."""
    return [
        f"order {order_id} (purchase {planned.number}, {planned.fate}) was to be {planned.outcome}, "
        f"but its saga says {came[order_id]}"
        for order_id, planned in orders.items()
        if order_id in came and came[order_id] != planned.outcome
    ]
