"""Checks of an order against its reservations, and of the reservations against the ledger of movements."""

from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from auditing.facts import OrderFacts
from auditing.report import Violation

#: What the reservations of an order are in the end, by its status.
IN_THE_END_ARE = {"COMPLETED": "SHIPPED", "RETURNED": "RETURNED", "REJECTED": "RELEASED"}

#: The movements that a reservation of each status has behind it.
BEHIND = {
    "ACTIVE": ("RESERVED",),
    "RELEASED": ("RESERVED", "RELEASED"),
    "SHIPPED": ("RESERVED", "SHIPPED"),
    "RETURNED": ("RESERVED", "SHIPPED", "RETURNED"),
}

Units = Counter[UUID]


def ledger_tells_of_every_reservation(facts: OrderFacts) -> Iterator[Violation]:
    """Reserved = released + shipped + still held, and shipped units may have returned: in the ledger as in the rows."""
    expected: Counter[tuple[str, UUID, UUID]] = Counter()
    for one in facts.holds:
        for kind in BEHIND.get(one.status, (one.status,)):
            expected[kind, one.product_id, one.warehouse_id] += one.quantity
    if facts.moved != expected and facts.order:
        says = f"the reservations make {_by_kind(expected)}"
        yield Violation("movements_disagree", says, f"the ledger has {_by_kind(facts.moved)}", facts.order_id)


def never_more_than_was_ordered(facts: OrderFacts) -> Iterator[Violation]:
    """No more units of a product left the warehouses than the order has."""
    left: Units = Counter()
    for (kind, product_id, _), units in facts.moved.items():
        left[product_id] += units if kind == "SHIPPED" else 0
    if facts.order and not left <= facts.units:
        says = f"the order has {_by_product(facts.units)}"
        yield Violation("shipped_too_much", says, f"the inventory shipped {_by_product(left)}", facts.order_id)


def order_and_reservations_agree(facts: OrderFacts) -> Iterator[Violation]:
    """What a completed order has is shipped, what a returned one had is back, and for an undone one nothing is held."""
    if facts.order is None or facts.order.status not in IN_THE_END_ARE:
        return
    status, wanted = facts.order.status, IN_THE_END_ARE[facts.order.status]
    units: Units = Counter()
    for one in facts.holds:
        units[one.product_id] += one.quantity
    others = [one.status for one in facts.holds if one.status != wanted]
    if others or (status != "REJECTED" and units != facts.units):
        says = f"the order is {status} with {_by_product(facts.units)}"
        but = ", ".join(f"{one.quantity} of {one.product_id} {one.status}" for one in facts.holds)
        yield Violation("reservation_disagrees", says, f"its reservations are {but or 'none'}", facts.order_id)


def _by_kind(counted: Counter[tuple[str, UUID, UUID]]) -> str:
    listed = (f"{units} of {product} {kind}" for (kind, product, _), units in sorted(counted.items()))
    return ", ".join(listed) or "nothing"


def _by_product(units: Units) -> str:
    return ", ".join(f"{count} of {product}" for product, count in sorted(units.items())) or "nothing"


ALWAYS = (ledger_tells_of_every_reservation, never_more_than_was_ordered)
IN_THE_END = (order_and_reservations_agree,)
