"""Reading the facts out of the contexts' stores: one statement a table, however many orders."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from demonstration.databases import looking_into
from demonstration.facts import (
    HoldFact,
    LevelFact,
    NotificationFact,
    OrderFact,
    PaymentFact,
    SagaFact,
    ShipmentFact,
)
from persistence.databases import notifications_database

Fact = TypeVar("Fact")
Ids = Sequence[UUID]

_ORDERS = "SELECT id, status, rejection_reason, total_amount FROM orders WHERE id = ANY(%s)"
_ITEMS = "SELECT order_id, product_id, quantity, total_price FROM order_items WHERE order_id = ANY(%s)"
_PAYMENTS = """
    SELECT order_id, id, status, amount, captured_amount, refunded_amount FROM payments WHERE order_id = ANY(%s)
"""
_SAGAS = """
    SELECT s.id, s.status, s.state->>'reason', w.status
    FROM sagas s LEFT JOIN workflows w ON w.id = s.id WHERE s.id = ANY(%s)
"""
_SHIPMENTS = "SELECT order_id, id, status, tracking_number FROM shipments WHERE order_id = ANY(%s)"
_HOLDS = """
    SELECT order_id, product_id, warehouse_id, quantity, status FROM inventory_reservations WHERE order_id = ANY(%s)
"""
_MOVEMENTS = """
    SELECT reference_id, movement_type, product_id, warehouse_id, sum(quantity)::int FROM inventory_movements
    WHERE reference_type = 'ORDER' AND reference_id = ANY(%s) GROUP BY 1, 2, 3, 4
"""
_LEVELS = """
    WITH ledger AS (
        SELECT product_id, warehouse_id,
               sum(CASE movement_type WHEN 'RECEIVED' THEN quantity
                                      WHEN 'SHIPPED' THEN -quantity ELSE 0 END) AS on_hand,
               sum(CASE movement_type WHEN 'RESERVED' THEN quantity WHEN 'RELEASED' THEN -quantity
                                      WHEN 'SHIPPED' THEN -quantity ELSE 0 END) AS reserved
        FROM inventory_movements WHERE product_id = ANY(%(products)s) GROUP BY 1, 2
    ), held AS (
        SELECT product_id, warehouse_id, sum(quantity) AS quantity FROM inventory_reservations
        WHERE status = 'ACTIVE' AND product_id = ANY(%(products)s) GROUP BY 1, 2
    )
    SELECT product_id, warehouse_id, i.quantity_on_hand, i.quantity_reserved,
           coalesce(l.on_hand, 0)::int, coalesce(l.reserved, 0)::int, coalesce(h.quantity, 0)::int
    FROM inventory i FULL JOIN ledger l USING (product_id, warehouse_id)
                     LEFT JOIN held h USING (product_id, warehouse_id)
    WHERE product_id = ANY(%(products)s)
"""


def orders(ids: Ids) -> tuple[dict[UUID, OrderFact], dict[UUID, list[PaymentFact]]]:
    """Return the orders and their payments, of one moment."""
    with looking_into("orders") as connection:
        heads = connection.execute(_ORDERS, (list(ids),)).fetchall()
        items = connection.execute(_ITEMS, (list(ids),)).fetchall()
        paid = connection.execute(_PAYMENTS, (list(ids),)).fetchall()
    units: dict[UUID, Counter[UUID]] = defaultdict(Counter)
    sums: Counter[UUID] = Counter()
    for order_id, product_id, quantity, price in items:
        units[order_id][product_id] += quantity
        sums[order_id] += _cents(price)
    found = {
        order_id: OrderFact(status, reason, _cents(total), sums[order_id], units[order_id])
        for order_id, status, reason, total in heads
    }
    return found, _grouped(
        (row[0], PaymentFact(row[1], row[2], _cents(row[3]), _cents(row[4]), _cents(row[5]))) for row in paid
    )


def sagas(ids: Ids) -> dict[UUID, SagaFact]:
    """Return the journeys."""
    with looking_into("coordination") as connection:
        return {row[0]: SagaFact(*row[1:]) for row in connection.execute(_SAGAS, (list(ids),))}


def shipments(ids: Ids) -> dict[UUID, list[ShipmentFact]]:
    """Return the shipments."""
    with looking_into("delivery") as connection:
        return _grouped((row[0], ShipmentFact(*row[1:])) for row in connection.execute(_SHIPMENTS, (list(ids),)))


def stock(
    ids: Ids, products: Ids
) -> tuple[dict[UUID, list[HoldFact]], dict[UUID, Counter[tuple[str, UUID, UUID]]], list[LevelFact]]:
    """Return the orders' reservations, the movements that name them, and the products' levels, of one moment."""
    with looking_into("inventory") as connection:
        holds = _grouped((row[0], HoldFact(*row[1:])) for row in connection.execute(_HOLDS, (list(ids),)))
        moved: dict[UUID, Counter[tuple[str, UUID, UUID]]] = defaultdict(Counter)
        for order_id, kind, product_id, warehouse_id, quantity in connection.execute(_MOVEMENTS, (list(ids),)):
            moved[order_id][kind, product_id, warehouse_id] = quantity
        levels = [LevelFact(*row) for row in connection.execute(_LEVELS, {"products": list(products)})]
    return holds, moved, levels


def notifications(ids: Ids) -> dict[UUID, list[NotificationFact]]:
    """Return what the customers were told of the orders."""
    database = notifications_database()
    try:
        wanted: Mapping[str, Any] = {"metadata.order_id": {"$in": [str(order_id) for order_id in ids]}}
        fields = {"metadata": 1, "status": 1, "message_id": 1}
        return _grouped(
            (
                UUID(one["metadata"]["order_id"]),
                NotificationFact(one["metadata"]["event_type"], one["status"], one["message_id"]),
            )
            for one in database["notifications"].find(wanted, fields)
        )
    finally:
        database.client.close()


def _grouped(rows: Iterable[tuple[UUID, Fact]]) -> dict[UUID, list[Fact]]:
    found: dict[UUID, list[Fact]] = {}
    for order_id, fact in rows:
        found.setdefault(order_id, []).append(fact)
    return found


def _cents(amount: Decimal) -> int:
    return int(amount * 100)
