"""Payments: nothing is charged twice, and a lost answer is asked for again."""

from uuid import UUID, uuid4

import pytest

from contexts.orders.gateway import Operation
from contexts.orders.model import WrongState
from contexts.orders.payment import Outcome, Payment, Payments, Status, payment_id
from tests.contexts.examples import NOW

from .payments import (
    DECLINED,
    DONE,
    HELD,
    ORDER,
    UNKNOWN,
    a_payment,
    asked,
    authorized,
    captured,
    capturing,
    reversed_,
)


def test_an_order_has_one_payment_of_its_total() -> None:
    payments = Payments(totals={ORDER: (2498, "EUR")})

    payment = payments.of(ORDER)

    assert (payment.id, payment.amount_minor, payment.currency) == (payment_id(ORDER), 2498, "EUR")
    assert payments.of(ORDER) is payment
    with pytest.raises(WrongState, match="never placed"):
        payments.of(uuid4())


def test_an_authorization_asks_for_the_total_on_the_customer_s_card() -> None:
    payment = a_payment()

    request = asked(payment.authorize("tok_visa", NOW))

    assert (request.operation, request.amount_minor, request.currency) == (Operation.AUTHORIZE, 2498, "USD")
    assert (request.payment_id, request.order_id, request.card_token) == (payment.id, ORDER, "tok_visa")
    assert (request.transaction_id, request.asked_before) == (None, False)
    assert payment.status is Status.AUTHORIZING, "the attempt is on record before the gateway is asked"


def test_an_approved_authorization_holds_the_money() -> None:
    payment = authorized()

    assert (payment.status, payment.transaction_id) == (Status.AUTHORIZED, "txn_1")
    assert (payment.card_brand, payment.card_last_four) == ("visa", "4242")
    assert payment.captured_minor == 0


def test_a_declined_authorization_is_final() -> None:
    payment = authorized(DECLINED)

    assert (payment.status, payment.failure_code) == (Status.DECLINED, "insufficient_funds")
    assert payment.authorize("tok_visa", NOW) is None
    assert payment.reverse(NOW) is None
    assert payment.reversed(None, NOW)
    assert payment.status is Status.DECLINED


@pytest.mark.parametrize(("outcome", "status"), [(HELD, Status.AUTHORIZED), (DECLINED, Status.DECLINED)])
@pytest.mark.parametrize("lost", [1, 3])
def test_a_lost_answer_is_asked_for_again_under_the_same_key(outcome: Outcome, status: Status, lost: int) -> None:
    payment = a_payment()
    first = asked(payment.authorize("tok_visa", NOW))
    for _ in range(lost):
        payment.authorized(UNKNOWN, NOW)
        assert payment.status.value == "UNKNOWN"
        again = asked(payment.authorize("tok_visa", NOW))
        assert again.idempotency_key == first.idempotency_key
        assert (first.asked_before, again.asked_before) == (False, True)

    payment.authorized(outcome, NOW)

    assert payment.status is status
    assert payment.attempts == lost + 1


def test_a_process_that_died_while_asking_asks_again_under_the_same_key() -> None:
    payment = a_payment()
    first = asked(payment.authorize("tok_visa", NOW))

    again = asked(payment.authorize("tok_visa", NOW))

    assert (again.idempotency_key, again.asked_before) == (first.idempotency_key, True)


def test_a_payment_that_is_held_is_not_asked_for_again() -> None:
    payment = authorized()
    version = payment.version

    assert payment.authorize("tok_visa", NOW) is None
    payment.authorized(None, NOW)
    payment.authorized(DECLINED, NOW)
    payment.authorized(UNKNOWN, NOW)

    assert (payment.status, payment.version) == (Status.AUTHORIZED, version)


def test_a_capture_takes_what_is_held() -> None:
    payment = authorized()

    request = asked(payment.capture(NOW))
    assert payment.status.value == "CAPTURING"
    payment.captured(DONE, NOW)

    assert (request.operation, request.amount_minor) == (Operation.CAPTURE, 2498)
    assert (request.transaction_id, request.asked_before) == ("txn_1", False)
    assert (payment.status.value, payment.captured_minor) == ("CAPTURED", 2498)


def test_a_capture_whose_answer_was_lost_is_asked_for_again_under_the_same_key() -> None:
    payment = authorized()
    first = asked(payment.capture(NOW))
    payment.captured(UNKNOWN, NOW)
    assert (payment.status, payment.captured_minor) == (Status.CAPTURING, 0)

    again = asked(payment.capture(NOW))

    assert (again.idempotency_key, first.asked_before, again.asked_before) == (first.idempotency_key, False, True)
    payment.captured(DONE, NOW)
    assert payment.captured_minor == 2498


def test_what_was_captured_is_not_captured_again() -> None:
    payment = captured()

    assert payment.capture(NOW) is None
    payment.captured(None, NOW)
    payment.captured(DONE, NOW)

    assert (payment.status, payment.captured_minor) == (Status.CAPTURED, 2498)


def test_a_declined_capture_is_a_fault() -> None:
    payment = capturing()

    with pytest.raises(WrongState, match="insufficient_funds"):
        payment.captured(DECLINED, NOW)

    assert (payment.status, payment.captured_minor) == (Status.CAPTURING, 0)


@pytest.mark.parametrize(
    "payment",
    [
        a_payment(),
        authorized(DECLINED),
        authorized(UNKNOWN),
        reversed_(authorized()),
        reversed_(a_payment(0)),
    ],
    ids=lambda payment: payment.status,
)
def test_what_is_not_held_cannot_be_captured(payment: Payment) -> None:
    version = payment.version

    with pytest.raises(WrongState, match="cannot be captured"):
        payment.capture(NOW)

    assert payment.version == version


def test_a_payment_of_nothing_asks_the_gateway_for_nothing() -> None:
    payment = a_payment(0)

    assert payment.authorize("tok_visa", NOW) is None
    assert payment.status.value == "AUTHORIZED"
    assert payment.capture(NOW) is None
    assert (payment.status.value, payment.captured_minor) == ("CAPTURED", 0)
    assert payment.reverse(NOW) is None
    assert payment.reversed(None, NOW)
    assert (payment.status.value, payment.attempts) == ("VOIDED", 0)


def test_each_operation_has_a_key_of_its_own_and_each_payment_too() -> None:
    held, taken = authorized(), captured()
    other = Payments(totals={UUID(int=2): (1, "USD")}).of(UUID(int=2))
    keys = [
        asked(a_payment().authorize("tok_visa", NOW)).idempotency_key,
        asked(held.reverse(NOW)).idempotency_key,
        asked(held.capture(NOW)).idempotency_key,
        asked(taken.reverse(NOW)).idempotency_key,
        asked(other.authorize("tok_visa", NOW)).idempotency_key,
    ]

    assert len(set(keys)) == 5
