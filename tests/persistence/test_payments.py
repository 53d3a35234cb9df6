"""Payments in a real PostgreSQL: each step is found again, to the cent, and an order is settled whole or not at all."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from contexts.messages import Message
from contexts.orders.gateway import Approved, Declined, Unknown
from contexts.orders.messages import (
    AuthorizePayment,
    CapturePayment,
    RefundPayment,
    RejectOrder,
    ReversePayment,
    SettleOrder,
    ShowOrder,
)
from contexts.orders.model import Status as OrderStatus
from contexts.orders.payment import Payment, Status
from persistence.order_views import OrderViews
from persistence.orders import OrderTables
from persistence.payments import PaymentTables
from persistence.postgres_store import PostgresStore
from persistence.settlements import SettlementTables

from .conftest import Open
from .placed_orders import NOW, on_sale, placed
from .transactions import loaded

APPROVED = Approved("txn_1", "visa", "4242")


@pytest.fixture
def store(open_store: Open) -> PostgresStore:
    return open_store("orders")


def on_payment(store: PostgresStore, message: Message, step: Callable[[Payment], Any]) -> Any:
    """Do one step of the payment that a message is about, in a transaction of its own."""
    with loaded(store, PaymentTables, message) as payments:
        return step(payments.of(message.order_id))  # type: ignore[attr-defined]


def authorize(store: PostgresStore, order_id: UUID, outcome: Approved | Declined | Unknown) -> None:
    command = AuthorizePayment(order_id=order_id, card_token="tok_visa")
    on_payment(store, command, lambda payment: payment.authorize("tok_visa", NOW))
    on_payment(store, command, lambda payment: payment.authorized(outcome, NOW))


def payment_of(store: PostgresStore, order_id: UUID) -> Payment:
    """The payment as a fresh repository loads it."""
    with loaded(store, PaymentTables, CapturePayment(order_id=order_id)) as payments:
        return payments.of(order_id)


@pytest.mark.parametrize(("currency", "minor"), [("USD", 1), ("JPY", 150), ("EUR", 9_999_999_999)])
def test_amounts_of_every_currency_come_back_to_the_minor_unit(store: PostgresStore, currency: str, minor: int) -> None:
    order_id = placed(store, (on_sale(store, minor, currency), 1), currency=currency)

    assert payment_of(store, order_id).amount_minor == minor


def test_a_payment_goes_from_captured_to_refunded_once_when_its_order_returns(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 1234), 2))
    authorize(store, order_id, APPROVED)
    capture, refund = CapturePayment(order_id=order_id), RefundPayment(order_id=order_id)
    on_payment(store, capture, lambda payment: payment.capture(NOW))
    on_payment(store, capture, lambda payment: payment.captured(APPROVED, NOW))

    first = on_payment(store, refund, lambda payment: payment.refund(NOW))
    assert not on_payment(store, refund, lambda payment: payment.refunded(Unknown("time-out"), NOW))
    again = on_payment(store, refund, lambda payment: payment.refund(NOW))
    assert on_payment(store, refund, lambda payment: payment.refunded(APPROVED, NOW))

    assert (first.idempotency_key, first.transaction_id) == (again.idempotency_key, "txn_1")
    given_back = payment_of(store, order_id)
    assert (given_back.status, given_back.captured_minor, given_back.refunded_minor) == (Status.REFUNDED, 2468, 2468)
    assert on_payment(store, refund, lambda payment: payment.refund(NOW)) is None


def test_a_payment_goes_from_authorised_to_captured_to_refunded(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 1234), 2))
    authorize(store, order_id, APPROVED)
    held = payment_of(store, order_id)
    assert (held.status, held.amount_minor, held.captured_minor) == (Status.AUTHORIZED, 2468, 0)
    assert (held.transaction_id, held.card_brand, held.card_last_four) == ("txn_1", "visa", "4242")

    capture = CapturePayment(order_id=order_id)
    request = on_payment(store, capture, lambda payment: payment.capture(NOW))
    again = on_payment(store, capture, lambda payment: payment.capture(NOW))
    assert (request.idempotency_key, request.amount_minor) == (again.idempotency_key, 2468)
    assert (request.asked_before, again.asked_before) == (False, True)
    on_payment(store, capture, lambda payment: payment.captured(APPROVED, NOW))
    assert payment_of(store, order_id).captured_minor == 2468

    reverse = ReversePayment(order_id=order_id)
    on_payment(store, reverse, lambda payment: payment.reverse(NOW))
    assert on_payment(store, reverse, lambda payment: payment.reversed(APPROVED, NOW))
    given_back = payment_of(store, order_id)
    assert (given_back.status, given_back.refunded_minor) == (Status.REFUNDED, 2468)


def settled(store: PostgresStore, order_id: UUID) -> tuple[OrderStatus, Status]:
    with loaded(store, SettlementTables, SettleOrder(order_id=order_id)) as known:
        return known.orders.get(order_id).status, known.payments.of(order_id).status


def test_an_order_is_settled_whole_or_not_at_all(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 1234), 2))
    authorize(store, order_id, APPROVED)
    settle = SettleOrder(order_id=order_id)
    on_payment(store, settle, lambda payment: payment.capture(NOW))

    def dies_before_the_commit() -> None:
        with loaded(store, SettlementTables, settle) as known:
            known.payments.of(order_id).captured(APPROVED, NOW)
            known.orders.get(order_id).complete(NOW)
            known.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        dies_before_the_commit()
    assert settled(store, order_id) == (OrderStatus.PENDING, Status.CAPTURING)

    with loaded(store, SettlementTables, settle) as known:
        known.payments.of(order_id).captured(APPROVED, NOW)
        known.orders.get(order_id).complete(NOW)
    assert settled(store, order_id) == (OrderStatus.COMPLETED, Status.CAPTURED)


def test_who_writes_down_what_became_of_a_payment_does_not_wait_for_who_closes_its_order(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 1234), 2))

    with loaded(store, OrderTables, RejectOrder(order_id=order_id, reason="pay_refused")):
        authorize(store, order_id, APPROVED)

    assert payment_of(store, order_id).status is Status.AUTHORIZED


def test_an_authorisation_whose_answer_was_lost_is_asked_again_under_the_same_key(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 500), 1))
    command = AuthorizePayment(order_id=order_id, card_token="tok_visa")
    first = on_payment(store, command, lambda payment: payment.authorize("tok_visa", NOW))
    on_payment(store, command, lambda payment: payment.authorized(Unknown("time-out"), NOW))
    assert payment_of(store, order_id).status is Status.UNKNOWN

    second = on_payment(store, command, lambda payment: payment.authorize("tok_visa", NOW))

    assert (first.idempotency_key, first.asked_before) == (second.idempotency_key, False)
    assert second.asked_before
    assert payment_of(store, order_id).attempts == 2


def test_a_decline_is_found_again_with_its_code(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 500), 1))
    authorize(store, order_id, Declined("insufficient_funds", "no money"))

    payment = payment_of(store, order_id)
    assert (payment.status, payment.failure_code) == (Status.DECLINED, "insufficient_funds")


def test_a_payment_that_was_reversed_before_it_began_is_never_authorised(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 500), 1))
    assert on_payment(store, ReversePayment(order_id=order_id), lambda payment: payment.reverse(NOW)) is None

    command = AuthorizePayment(order_id=order_id, card_token="tok_visa")
    assert on_payment(store, command, lambda payment: payment.authorize("tok_visa", NOW)) is None
    assert payment_of(store, order_id).status is Status.VOIDED


def test_every_change_of_an_order_and_its_payment_is_in_the_audit_trail(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 500), 1))
    authorize(store, order_id, APPROVED)

    with store.transaction() as transaction:
        rows = transaction.connection.execute(
            "SELECT event_type, sequence, payload FROM order_events WHERE order_id = %s ORDER BY 1", (order_id,)
        ).fetchall()
    assert [row[:2] for row in rows] == [("OrderPlaced", 1), ("PaymentAuthorized", 2), ("PaymentAuthorizing", 1)]
    assert rows[0][2] == {"total_minor": 500, "currency": "USD"}


def test_an_order_is_shown_with_everything_personal_masked(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 500), 2))
    authorize(store, order_id, APPROVED)

    with loaded(store, OrderViews, ShowOrder(order_id=order_id, reply_to="", query_id=uuid4())) as views:
        view = views.view(order_id)
        assert views.view(uuid4()) is None

    assert view is not None
    assert (view.body["total"], view.body["status"]) == ("10.00", "PENDING")
    (payment,) = view.body["payments"]
    assert (payment["card"], payment["status"], payment["amount"]) == ("visa •••• 4242", "AUTHORIZED", "10.00")
    assert "jane@" not in str(view.body)
    assert "555" not in str(view.body)
