"""The orders of a benchmark: real purchases of one line, the same for the platform and for every peer."""

from collections.abc import Iterable, Sequence
from typing import TypedDict
from uuid import UUID, uuid5

from contexts.delivery.model import shipment_id
from contexts.orders.numbers import new_number
from contexts.orders.payment import payment_id
from demonstration import cdnow
from demonstration.catalogue import product_id
from demonstration.cdnow import DataError, Purchase
from demonstration.customers import customer_id, made_now
from demonstration.outcomes import Fate, PlannedOrder


class OneLineOrder(TypedDict):
    """An order as a peer passes it from step to step: plain JSON. Amounts are minor currency units."""

    id: str
    number: str
    customer_id: str
    email: str
    product_id: str
    sku: str
    quantity: int
    unit_cents: int
    payment_id: str
    shipment_id: str


def one_line_purchases(count: int) -> list[Purchase]:
    """Return the first purchases that are orders of one line and cost something. Raises `DataError`."""
    found = [one for one in cdnow.purchases(cdnow.DIRECTORY) if one.cents and len(one.lines) == 1]
    if count > len(found):
        raise DataError(f"the data hold {len(found)} purchases of one line, not {count}")
    return found[:count]


def planned(bought: Sequence[Purchase]) -> list[PlannedOrder]:
    """Return the purchases as orders that are all to be completed."""
    return [PlannedOrder(number, one, Fate.ORDINARY) for number, one in enumerate(bought, start=1)]


def orders(bought: Iterable[Purchase], run: UUID) -> list[OneLineOrder]:
    """Return the purchases as orders for a peer, with ids of one run."""
    return [_order(made_now(uuid5(run, str(number))), one) for number, one in enumerate(bought, start=1)]


def _order(order_id: UUID, purchase: Purchase) -> OneLineOrder:
    ((unit_cents, quantity),) = purchase.lines
    return {
        "id": str(order_id),
        "number": new_number(order_id),
        "customer_id": str(customer_id(purchase.customer)),
        "email": f"customer-{purchase.customer:05}@example.com",
        "product_id": str(product_id(unit_cents)),
        "sku": f"CD-{unit_cents:05}",
        "quantity": quantity,
        "unit_cents": unit_cents,
        "payment_id": str(payment_id(order_id)),
        "shipment_id": str(shipment_id(order_id)),
    }
