"""What an order shows of itself: its lines, payments and events, with everything personal masked."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from contexts.messages import Message
from contexts.orders.masking import mask_email, mask_phone
from contexts.orders.messages import ShowOrder
from contexts.orders.model import FINAL, Status
from contexts.views import A_MOMENT, AN_HOUR, View
from persistence.orders import in_place

_ORDERS = """
    SELECT id, order_number, status, currency, total_amount, customer_id, customer_email, customer_phone,
           rejection_reason, return_reason, return_refusal, metadata, created_at, completed_at, returned_at, version
    FROM orders WHERE id = ANY(%s)
"""
_ITEMS = """
    SELECT id, order_id, product_id, sku, name, quantity, unit_price, total_price
    FROM order_items WHERE order_id = ANY(%s)
"""
_PAYMENTS = """
    SELECT order_id, id AS payment_id, payment_method, amount, currency, status, card_brand, card_last_four,
           captured_amount, refunded_amount, failure_code, version
    FROM payments WHERE order_id = ANY(%s) ORDER BY created_at
"""


class OrderViews:
    """Reads orders for showing; writes nothing."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._cursor = connection.cursor(row_factory=dict_row)
        self._orders: dict[UUID, dict[str, Any]] = {}

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Read everything that is to be shown."""
        ids = [message.order_id for message in messages if isinstance(message, ShowOrder)]
        for row in self._cursor.execute(_ORDERS, (ids,)).fetchall():
            self._orders[row["id"]] = {**row, "lines": [], "payments": []}
        for part, query in (("lines", _ITEMS), ("payments", _PAYMENTS)):
            for row in self._cursor.execute(query, (ids,)).fetchall():
                if row["order_id"] in self._orders:
                    self._orders[row.pop("order_id")][part].append(row)

    def flush(self) -> None:
        """Nothing to write."""

    def view(self, order_id: UUID) -> View | None:
        """Return the `order` part of an order's read model; None for an unknown order."""
        row = self._orders.get(order_id)
        if row is None:
            return None
        final = Status(row["status"]) in FINAL
        version = row["version"] + sum(payment["version"] for payment in row["payments"])
        return View("order", str(order_id), "order", version, _body(row), AN_HOUR if final else A_MOMENT)


def _body(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "order_id": row["id"],
        "order_number": row["order_number"],
        "status": row["status"],
        "currency": row["currency"],
        "total": str(row["total_amount"]),
        "customer_id": row["customer_id"],
        "customer_email": mask_email(row["customer_email"]) if row["customer_email"] else None,
        "customer_phone": mask_phone(row["customer_phone"]) if row["customer_phone"] else None,
        "rejection_reason": row["rejection_reason"],
        "return_reason": row["return_reason"],
        "return_refusal": row["return_refusal"],
        "metadata": row["metadata"],
        "created_at": row["created_at"],
        "completed_at": row["completed_at"],
        "returned_at": row["returned_at"],
        "lines": [_line(line) for line in in_place(row["id"], row["lines"])],
        "payments": [_payment(payment) for payment in row["payments"]],
    }


def _line(row: dict[str, Any]) -> dict[str, Any]:
    shown = _texts(row, "unit_price", "total_price")
    del shown["id"]
    return shown


def _payment(row: dict[str, Any]) -> dict[str, Any]:
    shown = _texts(row, "amount", "captured_amount", "refunded_amount")
    last_four = shown.pop("card_last_four")
    shown["card"] = f"{shown.pop('card_brand') or 'card'} •••• {last_four}" if last_four else None
    del shown["version"]
    return shown


def _texts(row: dict[str, Any], *amounts: str) -> dict[str, Any]:
    return {**row, **{amount: str(row[amount]) for amount in amounts}}
