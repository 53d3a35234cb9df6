"""A shop on the platform: products with stock, orders of every fate, and what became of them in every store."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from contexts.catalog.messages import Price, PutProduct
from contexts.delivery.model import shipment_id
from contexts.identity import dated
from contexts.inventory.messages import ReceiveStock
from contexts.orders.messages import Address, Customer, OrderLine, PaymentMethod, PlaceOrder
from contexts.orders.payment import payment_id
from tests.persistence.virtual_host import eventually

from .platform import Platform

WAREHOUSE = uuid4()
HOME = Address(name="Jane Roe", street="1 Long Road", city="Springfield", postal_code="12345", country="US")
UNSERVED = HOME.model_copy(update={"postal_code": "REFUSE"})
GOOD_CARD, DECLINED_CARD = "tok_visa", "tok_chargeDeclined"


@dataclass(frozen=True)
class Fate:
    """What became of one order in every store: statuses, None where a store knows nothing of it."""

    order: str
    reason: str | None
    journey: str
    payment: str | None
    captured_minor: int
    holds: frozenset[str]
    shipment: str | None
    charged: str | None
    booked: str | None


@dataclass
class Shop:
    """What customers and operators do."""

    platform: Platform

    def stock(self, units: int, minor: int = 1299) -> UUID:
        """Put a product on sale; return it when it can be ordered."""
        product_id = uuid4()
        price = Price(id=uuid4(), price_minor=minor, effective_from=datetime.now(UTC) - timedelta(days=1))
        product = PutProduct(product_id=product_id, sku=f"CD-{product_id}", name="A CD", prices=(price,))
        delivery = ReceiveStock(
            delivery_id=uuid4(), product_id=product_id, warehouse_id=WAREHOUSE, quantity=max(units, 1)
        )
        self.platform.send(product, *([delivery] if units else []))
        copies, levels = "SELECT 1 FROM price_copies", "SELECT 1 FROM inventory"
        where = "WHERE product_id = %s"
        eventually(lambda: self.platform.rows("orders", f"{copies} {where}", product_id))
        if units:
            eventually(lambda: self.platform.rows("inventory", f"{levels} {where}", product_id))
        return product_id

    @staticmethod
    def order(product_id: UUID, units: int = 1, card: str = GOOD_CARD, to: Address = HOME) -> PlaceOrder:
        """An order of one line."""
        return PlaceOrder(
            order_id=dated(uuid4(), time.time_ns() // 1_000_000),
            customer=Customer(id=uuid4(), email="jane@example.com"),
            currency="USD",
            lines=(OrderLine(product_id=product_id, quantity=units),),
            shipping_address=to,
            billing_address=to,
            payment=PaymentMethod(token=card),
        )

    def place(self, *orders: PlaceOrder, times: int = 1) -> None:
        """Place orders, each `times` times."""
        self.platform.send(*orders, times=times)

    def final(self, order_ids: Iterable[UUID]) -> int:
        """Return how many of the orders' journeys have come to their end."""
        ended = "SELECT count(*) FROM sagas WHERE status IN ('COMPLETED', 'UNDONE') AND id = ANY(%s)"
        return int(self.platform.rows("coordination", ended, list(order_ids))[0][0])

    def wait_until_final(self, *orders: PlaceOrder, seconds: float = 15) -> None:
        """Return when every journey has come to its end and nothing more is on its way."""
        ids = [order.order_id for order in orders]
        eventually(lambda: self.final(ids) == len(ids), seconds)
        eventually(self._nothing_on_its_way, seconds)
        # Inventory hears of an order's end when coordination does, and may be a little later.
        held = "SELECT 1 FROM inventory_reservations WHERE status = 'ACTIVE' AND order_id = ANY(%s) LIMIT 1"
        eventually(lambda: not self.platform.rows("inventory", held, ids), seconds)

    def fate(self, order: PlaceOrder) -> Fate:
        """Look an order up in every store, at the gateway and at the carrier."""
        rows, order_id = self.platform.rows, order.order_id
        ((status, reason),) = rows("orders", "SELECT status, rejection_reason FROM orders WHERE id = %s", order_id)
        ((journey,),) = rows("coordination", "SELECT status FROM sagas WHERE id = %s", order_id)
        payments = rows("orders", "SELECT status, captured_amount FROM payments WHERE order_id = %s", order_id)
        holds = rows("inventory", "SELECT status FROM inventory_reservations WHERE order_id = %s", order_id)
        shipments = rows("delivery", "SELECT status FROM shipments WHERE order_id = %s", order_id)
        charged = self.platform.at_gateway(payment_id(order_id))
        booked = self.platform.at_carrier(shipment_id(order_id))
        assert max(len(payments), len(shipments), len(charged), len(booked)) <= 1
        return Fate(
            status,
            reason,
            journey,
            payments[0][0] if payments else None,
            int(payments[0][1] * 100) if payments else 0,
            frozenset(row[0] for row in holds),
            shipments[0][0] if shipments else None,
            charged[0]["state"] if charged else None,
            booked[0]["state"] if booked else None,
        )

    def counters(self, product_id: UUID) -> tuple[int, int]:
        """Return how many units of a product are on hand and reserved."""
        query = "SELECT quantity_on_hand, quantity_reserved FROM inventory WHERE product_id = %s"
        ((on_hand, reserved),) = self.platform.rows("inventory", query, product_id)
        return on_hand, reserved

    def told(self, order: PlaceOrder) -> list[tuple[Any, Any]]:
        """Return what the order's customer was told: (event, status)."""
        found = self.platform.documents("notifications", {"recipient.customer_id": str(order.customer.id)})
        return [(one["metadata"]["event_type"], one["status"]) for one in found]

    def _nothing_on_its_way(self) -> bool:
        contexts = ("coordination", "catalog", "inventory", "orders", "delivery")
        if any(self.platform.rows(context, "SELECT 1 FROM outbox LIMIT 1") for context in contexts):
            return False
        return not any(count for queue, count in self.platform.host.queues("").items() if not queue.endswith(".XQ"))
