"""Payments for reconciliation, in PostgreSQL: what is to be looked up at the gateway, and what was found."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from contexts.messages import Message
from contexts.money import to_minor
from contexts.orders.gateway import Charge, ChargeReference
from contexts.orders.messages import ReversePayment
from contexts.orders.payment import Status
from contexts.orders.reconciliation import UNFINISHED, PaymentRecord, adopt, differences
from contexts.reconciliation import PAGE, Difference
from persistence.payments import PaymentTables
from persistence.reconciliation import Discrepancies, Look, Looks

_RECORDS = """
    SELECT id, order_id, status, gateway_transaction_id, currency, amount, captured_amount, refunded_amount, updated_at
    FROM payments WHERE id = ANY(%s)
"""
#: What changed in the window, what is unfinished, and what is known to differ; each part in the order of its ids.
_TO_LOOK_UP = """
    (SELECT id, ARRAY[gateway_transaction_id] AS names FROM payments
     WHERE id > %(after)s AND updated_at < %(until)s AND (updated_at >= %(since)s OR status = ANY(%(unfinished)s))
     ORDER BY id LIMIT %(page)s)
    UNION ALL
    (SELECT d.payment_id, array_agg(d.theirs ->> 'transaction_id') || array_agg(p.gateway_transaction_id::text)
     FROM payment_discrepancies d LEFT JOIN payments p ON p.id = d.payment_id
     WHERE d.resolved_at IS NULL AND d.payment_id > %(after)s GROUP BY d.payment_id ORDER BY d.payment_id
     LIMIT %(page)s)
"""
_BEFORE_ALL = UUID(int=0)


class PaymentReconciliation:
    """The payments, looks and discrepancies of one transaction; read and written at once, message by message."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self.looks = Looks(connection)
        self._discrepancies = Discrepancies(connection, "payment")

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Nothing: which payments a message is about is known when the gateway has answered."""

    def flush(self) -> None:
        """Nothing is held back."""

    def to_look_up(self, look: Look, after: str) -> tuple[ChargeReference, ...]:
        """Return a page of the payments to look up, in the order of their ids."""
        asked = {
            "after": UUID(after) if after else _BEFORE_ALL,
            "since": look.since,
            "until": look.until,
            "unfinished": [status.value for status in UNFINISHED],
            "page": PAGE,
        }
        names: dict[UUID, set[str]] = {}
        for payment_id, some in self._connection.execute(_TO_LOOK_UP, asked):
            names.setdefault(payment_id, set()).update(name for name in some if name)
        return tuple(ChargeReference(one, tuple(sorted(names[one]))) for one in sorted(names)[:PAGE])

    def compare(self, look: Look, asked: Sequence[UUID] | None, charges: Iterable[Charge]) -> list[Difference]:
        """Compare payments with charges, and enter what differs; returns what is new.

        `asked` names the payments that were looked up: of these the charges are all there are, and what differed and
        does not any more is resolved. None: the charges are a page of the gateway's list. What changed after the
        window is left to a later look.
        """
        by_payment: dict[UUID, list[Charge]] = {one: [] for one in asked or ()}
        for charge in charges:
            by_payment.setdefault(charge.payment_id, []).append(charge)
        records = self._records(list(by_payment))
        settled = [one for one in by_payment if one not in records or records[one].changed_at < look.until]
        found = [
            difference
            for one in settled
            for difference in differences(records.get(one), by_payment[one], complete=asked is not None)
        ]
        new = self._discrepancies.see(found)
        if asked is not None:
            self._discrepancies.resolve(settled, found)
        return new

    def adopt_holds(self, mendable: Sequence[Difference]) -> list[UUID]:
        """Take over the gateway's holds for voided payments; return the orders whose payments can be reversed now."""
        if not mendable:
            return []
        payments = PaymentTables(self._connection)
        payments.prefetch([ReversePayment(order_id=one.order_id) for one in mendable])
        now = datetime.now(UTC)
        adopted = [
            one.order_id
            for one in mendable
            if one.theirs and adopt(payments.of(one.order_id), one.theirs["transaction_id"], now)
        ]
        payments.flush()
        return adopted

    def _records(self, ids: Sequence[UUID]) -> dict[UUID, PaymentRecord]:
        rows = self._connection.execute(_RECORDS, (ids,)).fetchall()
        return {row[0]: _record(*row) for row in rows}


def _record(
    payment_id: UUID, order_id: UUID, status: str, name: str | None, currency: str, *amounts_and_time: Any
) -> PaymentRecord:
    *amounts, changed_at = amounts_and_time
    held, captured, refunded = (to_minor(amount, currency) for amount in amounts)
    return PaymentRecord(payment_id, order_id, Status(status), name, currency, held, captured, refunded, changed_at)
