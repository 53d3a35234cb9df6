"""What each context's store knows of one order."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from operations.letter_filters import summary
from operations.sagas import journey
from operations.stores import Snapshot, named, notifications, reading
from persistence.dead_letters import DeadLetters, Wanted

Facts = dict[str, Any]

_ORDER = """
    SELECT id, order_number, status, rejection_reason, return_reason, return_refusal, returned_at, total_amount,
           currency, customer_id, customer_email,
           customer_phone, shipping_address, billing_address, created_at, completed_at, version
    FROM orders WHERE id = %s
"""
_LINES = (
    "SELECT product_id, sku, name, quantity, unit_price, total_price FROM order_items WHERE order_id = %s ORDER BY id"
)
_PAYMENTS = """
    SELECT id, status, amount, captured_amount, refunded_amount, currency, gateway_transaction_id, card_brand,
           card_last_four, failure_code, attempts, created_at, processed_at
    FROM payments WHERE order_id = %s ORDER BY created_at
"""
_ORDER_EVENTS = """
    SELECT created_at AS at, event_type, sequence, payload FROM order_events
    WHERE order_id = %s ORDER BY created_at, sequence
"""
_RESERVATIONS = """
    SELECT product_id, warehouse_id, quantity, status, created_at, expires_at, released_at, shipped_at,
           returned_at
    FROM inventory_reservations WHERE order_id = %s ORDER BY product_id, warehouse_id
"""
_MOVEMENTS = """
    SELECT created_at AS at, movement_type, quantity, product_id, warehouse_id, on_hand_after, reserved_after
    FROM inventory_movements WHERE reference_type = 'ORDER' AND reference_id = %s ORDER BY created_at
"""
_SHIPMENTS = """
    SELECT id, status, carrier, shipping_method, tracking_number, estimated_delivery, refusal_code, recall_refusal,
           attempts, pieces, shipping_address, created_at, shipped_at, cancelled_at
    FROM shipments WHERE order_id = %s ORDER BY created_at
"""
_TRACKING = """
    SELECT t.occurred_at AS at, t.event_type, t.location, t.description
    FROM tracking_events t JOIN shipments s ON s.id = t.shipment_id WHERE s.order_id = %s ORDER BY t.occurred_at
"""
_OUTBOX = """
    SELECT id, queue, actor, attempt, last_error, created_at, available_at, payload FROM outbox
    WHERE position(convert_to(%s, 'UTF8') IN payload) > 0 ORDER BY created_at
"""


def of(context: str, order_id: UUID) -> Facts:
    """Return one context's facts, by kind; raises `ServerAway`."""
    if context == "notifications":
        own = _of_notifications(order_id)
    else:
        with reading(context) as connection:
            own = {**_OWN[context](connection, order_id), "outbox": _postgresql_outbox(connection, context, order_id)}
    return {**own, "dead_letters": _dead_letters(context, order_id)}


def _of_orders(connection: Snapshot, order_id: UUID) -> Facts:
    payments = connection.execute(_PAYMENTS, (order_id,)).fetchall()
    return {
        "order": connection.execute(_ORDER, (order_id,)).fetchone(),
        "lines": connection.execute(_LINES, (order_id,)).fetchall(),
        "payments": [{**payment, "card": _card(payment)} for payment in payments],
        "order_events": connection.execute(_ORDER_EVENTS, (order_id,)).fetchall(),
    }


def _card(payment: Mapping[str, Any]) -> str | None:
    last_four = payment["card_last_four"]
    return f"{payment['card_brand'] or 'card'} **** {last_four}" if last_four else None


def _of_coordination(connection: Snapshot, order_id: UUID) -> Facts:
    return {"journey": journey(connection, order_id)}


def _of_inventory(connection: Snapshot, order_id: UUID) -> Facts:
    return {
        "reservations": connection.execute(_RESERVATIONS, (order_id,)).fetchall(),
        "movements": connection.execute(_MOVEMENTS, (order_id,)).fetchall(),
    }


def _of_delivery(connection: Snapshot, order_id: UUID) -> Facts:
    return {
        "shipments": connection.execute(_SHIPMENTS, (order_id,)).fetchall(),
        "tracking": connection.execute(_TRACKING, (order_id,)).fetchall(),
    }


_OWN = {
    "coordination": _of_coordination,
    "catalog": lambda _connection, _order_id: Facts(),
    "inventory": _of_inventory,
    "orders": _of_orders,
    "delivery": _of_delivery,
}


def _of_notifications(order_id: UUID) -> Facts:
    with notifications() as database:
        told = database["notifications"].find({"metadata.order_id": str(order_id)}).sort("created_at").to_list()
        # BSON's binary cannot be searched by the server; mail is sent by few messages, so few rows wait here.
        waiting = database["outbox"].find().sort("created_at")
        outbox = [row for one in waiting for row in _outbox_rows("notifications", {**one, "id": one["_id"]}, order_id)]
    return {"mails": [_mail(document) for document in told], "outbox": outbox}


def _mail(document: Mapping[str, Any]) -> Facts:
    recipient, about = document["recipient"], document.get("metadata", {})
    names = ("message_id", "status", "attempts", "last_error", "created_at", "sent_at")
    told = {"event_type": about.get("event_type"), "channel": recipient["type"], "address": recipient["address"]}
    return {**told, **{name: document.get(name) for name in names}}


def _postgresql_outbox(connection: Snapshot, context: str, order_id: UUID) -> list[Facts]:
    rows = connection.execute(_OUTBOX, (str(order_id),)).fetchall()
    return [found for row in rows for found in _outbox_rows(context, row, order_id)]


def _outbox_rows(context: str, row: Mapping[str, Any], order_id: UUID) -> list[Facts]:
    """One fact for each message of an outbox row that belongs to the order."""
    payload = bytes(row["payload"])
    if str(order_id).encode() not in payload:
        return []
    names = ("queue", "actor", "attempt", "last_error", "created_at", "available_at")
    waiting = {"context": context, "outbox_id": row["id"], **{name: row.get(name) for name in names}}
    messages = [one for one in orjson.loads(payload) if one.get("correlation_id") == str(order_id)]
    return [{**waiting, "message_id": one.get("id"), "type": one.get("type")} for one in messages]


def _dead_letters(context: str, order_id: UUID) -> list[Facts]:
    with named(context):
        letters = DeadLetters(context)
        try:
            return [summary(letter) for letter in letters.find(Wanted(status=None, order_id=order_id))]
        finally:
            letters.close()
