"""What is sent beside the orders: goods, prices, templates, preferences, ticks; and what must have come of it."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from contexts.catalog.messages import Price, PutProduct
from contexts.coordination.messages import SweepDeadlines
from contexts.delivery.messages import ReconcileShipments
from contexts.inventory.messages import ExpireReservations, ReceiveStock
from contexts.messages import Message
from contexts.notifications.messages import PutPreferences, PutTemplate
from contexts.orders.messages import ReconcilePayments

from .platform import Platform
from .shop import WAREHOUSE

UNITS, MINOR = 7, 499

#: Before the first order: whoever compares the records of that time finds none.
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


def upkeep(product_id: UUID) -> list[Message]:
    """Return one message of each type, about a new product."""
    now = datetime.now(UTC)
    price = Price(id=uuid4(), price_minor=MINOR, effective_from=now - timedelta(days=1))
    return [
        PutProduct(product_id=product_id, sku=f"CD-{product_id}", name="A CD", prices=(price,)),
        ReceiveStock(delivery_id=uuid4(), product_id=product_id, warehouse_id=WAREHOUSE, quantity=UNITS),
        PutTemplate(
            template_id=product_id,
            name=f"greeting {product_id}",
            channel="email",
            version=1,
            subject="Good morning",
            body="<p>Good morning</p>",
            variables=(),
        ),
        PutPreferences(customer_id=product_id, channels={}, subscriptions={"order_updates": True}),
        SweepDeadlines(at=now),
        ExpireReservations(at=now),
        ReconcilePayments(run_id=uuid4(), since=LONG_AGO, until=LONG_AGO),
        ReconcileShipments(run_id=uuid4(), since=LONG_AGO, until=LONG_AGO),
    ]


def what_stays_wrong(platform: Platform, product_ids: Sequence[UUID], seconds: float) -> list[str]:
    """Return, as sentences, what is not right within so many seconds: a worker may still be at its last message."""
    deadline = time.monotonic() + seconds
    while (wrong := _what_is_wrong(platform, product_ids)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return wrong


def _what_is_wrong(platform: Platform, product_ids: Sequence[UUID]) -> list[str]:
    wrong = []
    for product_id in product_ids:
        where = "WHERE product_id = %s"
        found = (
            platform.rows("catalog", "SELECT name FROM products WHERE id = %s", product_id),
            platform.rows("orders", f"SELECT (price * 100)::int FROM price_copies {where}", product_id),
            platform.rows(
                "inventory", f"SELECT quantity_on_hand, quantity_reserved FROM inventory {where}", product_id
            ),
            platform.rows("inventory", f"SELECT movement_type, quantity FROM inventory_movements {where}", product_id),
            len(platform.documents("templates", {"name": f"greeting {product_id}"})),
            len(platform.documents("preferences", {"customer_id": str(product_id)})),
        )
        if found != ([("A CD",)], [(MINOR,)], [(UNITS, 0)], [("RECEIVED", UNITS)], 1, 1):
            wrong.append(f"product {product_id}: {found}")
    return wrong
