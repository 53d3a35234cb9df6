"""Orders and price copies in PostgreSQL: read set-wise, changed in memory, written set-wise."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from contexts.identity import part
from contexts.messages import Message
from contexts.money import to_decimal, to_minor
from contexts.orders.messages import (
    CompleteOrder,
    PlaceOrder,
    PricedLine,
    RefuseReturn,
    RejectOrder,
    ReturnOrder,
    SettleOrder,
)
from contexts.orders.model import Order, OrderEvent, Orders, PriceCopy, Status
from persistence import setwise
from persistence.found import Found
from persistence.memory import NOTHING_REMEMBERED
from persistence.tables.orders import order_events, order_items, orders, price_copies

_ORDERS = """
    SELECT id, customer_id, customer_email, customer_phone, currency, shipping_address, billing_address, created_at,
           status, rejection_reason, completed_at, version, return_reason, returned_at, return_refusal, order_number
    FROM orders WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""

_ITEMS = """
    SELECT id, order_id, product_id, sku, name, quantity, unit_price, total_price
    FROM order_items WHERE order_id = ANY(%s)
"""

#: What is about an order that there may be already.
_ABOUT_ORDERS = PlaceOrder | SettleOrder | CompleteOrder | RejectOrder | ReturnOrder | RefuseReturn

_PRICES = """
    SELECT id, product_id, sku, name, price, currency, price_type, effective_from, effective_to, product_status,
           product_version
    FROM price_copies WHERE product_id = ANY(%s)
"""


class OrderTables(Orders):
    """The orders that a batch of messages is about, within one transaction."""

    def __init__(self, connection: Connection[Any]) -> None:
        super().__init__()
        self._connection = connection
        # An order is placed by one process type and settled by another: there is nothing to remember.
        self._found = Found(orders, self.orders, NOTHING_REMEMBERED, lambda order: (order.version,))

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Lock and load the orders; load the prices of what is ordered."""
        wanted = {one.order_id for one in messages if isinstance(one, _ABOUT_ORDERS)}
        if wanted:
            self._load_orders(list(wanted))
        products = {line.product_id for one in messages if isinstance(one, PlaceOrder) for line in one.lines}
        if products:
            self._load_prices(list(products))

    def flush(self) -> None:
        """Write new and changed orders with their lines and events, and new price copies."""
        new = self._found.new
        setwise.insert(self._connection, orders, [_order_row(order) for order in new])
        setwise.insert(self._connection, order_items, [row for order in new for row in _item_rows(order)])
        self._found.update(self._connection, _order_change)
        events = [event for order in self.orders.values() for event in order.events]
        setwise.insert(self._connection, order_events, event_rows(events))
        latest = {price.id: price for price in sorted(self.new_prices, key=lambda price: price.product_version)}
        copies = [_price_row(price) for price in latest.values()]
        setwise.insert_newer(self._connection, price_copies, copies, version="product_version")

    def _load_orders(self, ids: list[UUID]) -> None:
        cursor = self._connection.cursor(row_factory=dict_row)
        rows = cursor.execute(_ORDERS, (ids,)).fetchall()
        if not rows:
            return
        items: dict[UUID, list[dict[str, Any]]] = {row["id"]: [] for row in rows}
        for item in cursor.execute(_ITEMS, (list(items),)):
            items[item["order_id"]].append(item)
        for row in rows:
            lines = in_place(row["id"], items[row["id"]])
            self._found.take(row["id"], _order(row, tuple(_line(item, row["currency"]) for item in lines)))

    def _load_prices(self, products: list[UUID]) -> None:
        cursor = self._connection.cursor(row_factory=dict_row)
        for row in cursor.execute(_PRICES, (products,)):
            price_minor = to_minor(row.pop("price"), row["currency"])
            price = PriceCopy(**row, price_minor=price_minor)
            self.prices.setdefault(price.product_id, []).append(price)


def line_id(order_id: UUID, place: int) -> UUID:
    """Name a line of an order by its place, from 0."""
    return part(order_id, f"line-{place}")


def in_place(order_id: UUID, items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return all rows of an order's lines in the order in which they were placed."""
    places = {line_id(order_id, place): place for place in range(len(items))}
    return sorted(items, key=lambda item: places[item["id"]])


def event_rows(events: Sequence[OrderEvent]) -> list[setwise.Row]:
    """Return the rows of events, of orders or of payments."""
    return [
        {
            "id": event.id,
            "order_id": event.order_id,
            "event_type": event.kind,
            "payload": event.payload,
            "created_at": event.at,
            "sequence": event.sequence,
        }
        for event in events
    ]


def _order(row: Mapping[str, Any], lines: tuple[PricedLine, ...]) -> Order:
    return Order(
        id=row["id"],
        customer_id=row["customer_id"],
        email=row["customer_email"],
        phone=row["customer_phone"],
        currency=row["currency"],
        lines=lines,
        shipping_address=row["shipping_address"],
        billing_address=row["billing_address"],
        created_at=row["created_at"],
        status=Status(row["status"]),
        rejection_reason=row["rejection_reason"],
        completed_at=row["completed_at"],
        version=row["version"],
        return_reason=row["return_reason"],
        returned_at=row["returned_at"],
        return_refusal=row["return_refusal"],
        number=row["order_number"],
    )


def _line(row: Mapping[str, Any], currency: str) -> PricedLine:
    return PricedLine(
        product_id=row["product_id"],
        sku=row["sku"],
        name=row["name"],
        quantity=row["quantity"],
        unit_price_minor=to_minor(row["unit_price"], currency),
        total_minor=to_minor(row["total_price"], currency),
    )


def _order_row(order: Order) -> setwise.Row:
    return {
        "id": order.id,
        "order_number": order.number,
        "customer_id": order.customer_id,
        "status": order.status.value,
        "total_amount": to_decimal(order.total_minor, order.currency),
        "currency": order.currency,
        "shipping_address": order.shipping_address,
        "billing_address": order.billing_address,
        "created_at": order.created_at,
        "updated_at": order.created_at,
        "completed_at": order.completed_at,
        "customer_email": order.email,
        "customer_phone": order.phone,
        "rejection_reason": order.rejection_reason,
        "version": order.version,
    }


def _order_change(order: Order) -> setwise.Row:
    return {
        "id": order.id,
        "status": order.status.value,
        "updated_at": order.events[-1].at,
        "completed_at": order.completed_at,
        "rejection_reason": order.rejection_reason,
        "version": order.version,
        "return_reason": order.return_reason,
        "returned_at": order.returned_at,
        "return_refusal": order.return_refusal,
    }


def _item_rows(order: Order) -> list[setwise.Row]:
    return [
        {
            "id": line_id(order.id, place),
            "order_id": order.id,
            "product_id": line.product_id,
            "quantity": line.quantity,
            "unit_price": to_decimal(line.unit_price_minor, order.currency),
            "total_price": to_decimal(line.total_minor, order.currency),
            "sku": line.sku,
            "name": line.name,
        }
        for place, line in enumerate(order.lines)
    ]


def _price_row(price: PriceCopy) -> setwise.Row:
    return {
        "id": price.id,
        "product_id": price.product_id,
        "sku": price.sku,
        "name": price.name,
        "price": to_decimal(price.price_minor, price.currency),
        "currency": price.currency,
        "price_type": price.price_type,
        "effective_from": price.effective_from,
        "effective_to": price.effective_to,
        "product_status": price.product_status,
        "product_version": price.product_version,
    }
