"""Payments in PostgreSQL: locked and read set-wise, changed in memory, written set-wise."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from contexts.messages import Message
from contexts.money import to_decimal, to_minor
from contexts.orders.messages import AuthorizePayment, CapturePayment, RefundPayment, ReversePayment, SettleOrder
from contexts.orders.payment import OVER, Payment, Payments, Status, payment_id
from persistence import setwise
from persistence.found import Found
from persistence.memory import Memory
from persistence.orders import event_rows
from persistence.tables.orders import order_events, payments

_PAYMENTS = """
    SELECT id, order_id, amount, currency, status, gateway_transaction_id, card_brand, card_last_four, captured_amount,
           refunded_amount, failure_code, attempts, version
    FROM payments WHERE id = ANY(%s) ORDER BY id FOR UPDATE
"""

#: What is about a payment, or begins one.
_ABOUT_PAYMENTS = AuthorizePayment | CapturePayment | SettleOrder | RefundPayment | ReversePayment

_PROCESSED = OVER | {Status.AUTHORIZED, Status.CAPTURED}

#: Nothing more is asked in these, as a rule.
_AT_REST = OVER | {Status.CAPTURED}

#: The payments under way, by order, that this process asked the gateway about.
PAYMENTS = Memory[Payment]()


class PaymentTables(Payments):
    """The payments that a batch of messages is about, within one transaction."""

    def __init__(self, connection: Connection[Any], memory: Memory[Payment] = PAYMENTS) -> None:
        super().__init__()
        self._connection = connection
        self._found = Found(
            payments, self.payments, memory, lambda one: (one.version, one.attempts), ("version", "attempts")
        )

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Recall, or lock and load, the payments; of orders without one, load the total."""
        order_ids = {message.order_id for message in messages if isinstance(message, _ABOUT_PAYMENTS)}
        unknown = self._found.recall(order_ids)
        if unknown:
            self._load(unknown)

    def _load(self, order_ids: set[UUID]) -> None:
        cursor = self._connection.cursor(row_factory=dict_row)
        for row in cursor.execute(_PAYMENTS, (list(map(payment_id, order_ids)),)):
            self._found.take(row["order_id"], _payment(row))
        missing = order_ids - self.payments.keys()
        if missing:
            rows = self._connection.execute(
                "SELECT id, total_amount, currency FROM orders WHERE id = ANY(%s)", (list(missing),)
            )
            self.totals.update({row[0]: (to_minor(row[1], row[2]), row[2]) for row in rows})

    def flush(self) -> None:
        """Write new and changed payments with their events."""
        setwise.insert(self._connection, payments, [_new_row(payment) for payment in self._found.new])
        self._found.update(self._connection, _change)
        events = [event for payment in self.payments.values() for event in payment.events]
        setwise.insert(self._connection, order_events, event_rows(events))

    @property
    def remembers(self) -> bool:
        """Whether something was not read, but remembered."""
        return self._found.has_recalled

    def committed(self) -> None:
        """Remember the payments as they are stored now."""
        for payment in self.payments.values():
            payment.events.clear()
        self._found.committed(lambda payment: payment.status not in _AT_REST)


def _payment(row: Mapping[str, Any]) -> Payment:
    currency = row["currency"]
    return Payment(
        order_id=row["order_id"],
        amount_minor=to_minor(row["amount"], currency),
        currency=currency,
        status=Status(row["status"]),
        transaction_id=row["gateway_transaction_id"],
        card_brand=row["card_brand"],
        card_last_four=row["card_last_four"],
        captured_minor=to_minor(row["captured_amount"], currency),
        refunded_minor=to_minor(row["refunded_amount"], currency),
        failure_code=row["failure_code"],
        attempts=row["attempts"],
        version=row["version"],
    )


def _new_row(payment: Payment) -> setwise.Row:
    return {
        **_change(payment),
        "order_id": payment.order_id,
        "payment_method": "card",
        "amount": to_decimal(payment.amount_minor, payment.currency),
        "currency": payment.currency,
    }


def _change(payment: Payment) -> setwise.Row:
    now = datetime.now(UTC)
    return {
        "id": payment.id,
        "status": payment.status.value,
        "gateway_transaction_id": payment.transaction_id,
        "gateway_response": {"code": payment.failure_code} if payment.failure_code else None,
        "processed_at": now if payment.status in _PROCESSED else None,
        "card_brand": payment.card_brand,
        "card_last_four": payment.card_last_four,
        "captured_amount": to_decimal(payment.captured_minor, payment.currency),
        "refunded_amount": to_decimal(payment.refunded_minor, payment.currency),
        "failure_code": payment.failure_code,
        "attempts": payment.attempts,
        "updated_at": now,
        "version": payment.version,
    }
