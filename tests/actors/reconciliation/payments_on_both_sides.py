"""Payments that were brought so far at a sandbox gateway, and entered in our tables, each without the other side."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import orjson
import psycopg

from contexts.messages import Message
from contexts.orders.payment import Status, payment_id
from tests.sandboxes.launching import Server

from .at_work import TEN_MINUTES_AGO, AtWork

CENTS = 1234
THERE = {
    "nothing": (),
    "held": ("authorize",),
    "captured": ("authorize", "capture"),
    "refunded": ("authorize", "capture", "refund"),
    "voided": ("authorize", "void"),
}


def request(operation: str, order_id: UUID, cents: int = CENTS) -> dict[str, object]:
    return {
        "operation": operation,
        "idempotency_key": f"{operation}/{order_id}",
        "payment_id": str(payment_id(order_id)),
        "order_id": str(order_id),
        "amount_minor": cents,
        "currency": "USD",
        "card_token": "tok_visa" if operation == "authorize" else None,
        "transaction_id": None,
    }


def there(network: Server, state: str, order_id: UUID | None = None, cents: int = CENTS) -> UUID:
    """Bring an order's payment so far at the gateway, without our knowledge."""
    order_id = order_id or uuid4()
    for operation in THERE[state]:
        status, (answer,) = network.ask("POST", "/v1/operations", [request(operation, order_id, cents)])
        assert (status, answer["status"]) == (200, "approved")
    return order_id


def here(payments: AtWork, *order_ids: UUID, status: Status, age: timedelta = TEN_MINUTES_AGO) -> UUID:
    """Enter orders and their payments in our tables, as if changed so long ago; returns the first order."""
    rows = [_row(order_id, status, datetime.now(UTC) - age) for order_id in order_ids]
    with psycopg.connect(payments.url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO orders (id, order_number, customer_id, total_amount, shipping_address, billing_address)"
            " SELECT id, id::text, id, %s, '{}', '{}' FROM unnest(%s::uuid[]) AS id",
            (CENTS / 100, list(order_ids)),
        )
        connection.execute(
            "INSERT INTO payments (id, order_id, payment_method, amount, status, gateway_transaction_id,"
            " captured_amount, refunded_amount, attempts, updated_at)"
            " SELECT id, order_id, 'card', amount, status, name, captured, refunded, 1, updated_at"
            " FROM json_to_recordset(%s) AS r(id uuid, order_id uuid, amount numeric, status text, name text,"
            " captured numeric, refunded numeric, updated_at timestamptz)",
            (orjson.dumps(rows).decode(),),
        )
    return order_ids[0]


def _row(order_id: UUID, status: Status, at: datetime) -> dict[str, object]:
    heard = status in (Status.AUTHORIZED, Status.CAPTURED, Status.REFUNDED)
    return {
        "id": payment_id(order_id),
        "order_id": order_id,
        "status": status,
        "amount": CENTS / 100,
        "name": f"txn_authorize/{order_id}" if heard else None,
        "captured": CENTS / 100 if status in (Status.CAPTURED, Status.REFUNDED) else 0,
        "refunded": CENTS / 100 if status is Status.REFUNDED else 0,
        "updated_at": at,
    }


def sent(payments: AtWork, kind: type[Message]) -> Sequence[Message]:
    return [message for message in payments.carried if isinstance(message, kind)]
