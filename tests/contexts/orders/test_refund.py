"""Refunds: what was taken for an order that returns is given back, once."""

import pytest

from contexts.orders.gateway import Operation
from contexts.orders.model import WrongState
from contexts.orders.payment import Payment, Status
from tests.contexts.examples import NOW

from .payments import DECLINED, DONE, UNKNOWN, a_payment, asked, authorized, captured, capturing, reversed_


def of_no_value() -> Payment:
    """A payment of nothing, as it stands when its order is completed."""
    payment = a_payment(0)
    payment.authorize("tok_visa", NOW)
    payment.capture(NOW)
    return payment


def test_all_that_was_taken_is_given_back_under_a_key_of_its_own() -> None:
    payment = captured()

    request = asked(payment.refund(NOW))

    assert (request.operation, request.amount_minor, request.currency) == (Operation.REFUND, 2498, "USD")
    assert (request.transaction_id, request.asked_before) == ("txn_1", True)
    assert request.idempotency_key != asked(authorized().capture(NOW)).idempotency_key
    assert payment.refunded(DONE, NOW)
    assert (payment.status.value, payment.captured_minor, payment.refunded_minor) == ("REFUNDED", 2498, 2498)


def test_a_refund_and_a_reversal_of_what_was_taken_are_the_same_attempt() -> None:
    assert asked(captured().refund(NOW)).idempotency_key == asked(captured().reverse(NOW)).idempotency_key


def test_a_refund_whose_answer_was_lost_is_asked_for_again_under_the_same_key() -> None:
    payment = captured()
    first = asked(payment.refund(NOW))

    assert not payment.refunded(UNKNOWN, NOW)

    assert (payment.status, payment.refunded_minor) == (Status.CAPTURED, 0)
    again = asked(payment.refund(NOW))
    assert (again.idempotency_key, again.asked_before) == (first.idempotency_key, True)
    assert payment.refunded(DONE, NOW)
    assert payment.refunded_minor == 2498


def test_refunding_twice_is_refunding_once() -> None:
    payment = captured()
    payment.refund(NOW)
    payment.refunded(DONE, NOW)
    version = payment.version

    assert payment.refund(NOW) is None
    for outcome in (None, DONE, UNKNOWN, DECLINED):
        assert payment.refunded(outcome, NOW)

    assert (payment.version, payment.refunded_minor) == (version, 2498)


def test_a_payment_of_nothing_is_refunded_without_asking_the_gateway() -> None:
    payment = of_no_value()

    assert payment.refund(NOW) is None
    assert payment.refunded(None, NOW)

    assert (payment.status, payment.refunded_minor) == (Status.REFUNDED, 0)


def test_a_declined_refund_is_a_fault() -> None:
    payment = captured()
    payment.refund(NOW)

    with pytest.raises(WrongState, match="insufficient_funds"):
        payment.refunded(DECLINED, NOW)

    assert (payment.status, payment.refunded_minor) == (Status.CAPTURED, 0)


@pytest.mark.parametrize(
    "payment",
    [
        *(a_payment(), a_payment(0), authorized(), authorized(DECLINED), authorized(UNKNOWN), capturing()),
        *(reversed_(authorized()), reversed_(of_no_value())),
    ],
    ids=lambda payment: f"{payment.status} of {payment.amount_minor}",
)
def test_what_was_not_captured_cannot_be_refunded(payment: Payment) -> None:
    before = (payment.status, payment.version)

    with pytest.raises(WrongState, match="cannot be refunded"):
        payment.refund(NOW)

    assert (payment.status, payment.version) == before


def test_a_capture_that_comes_again_after_the_refund_takes_nothing() -> None:
    payment = captured()
    payment.refund(NOW)
    payment.refunded(DONE, NOW)

    assert payment.capture(NOW) is None
    payment.captured(None, NOW)

    assert (payment.status, payment.captured_minor, payment.refunded_minor) == (Status.REFUNDED, 2498, 2498)
