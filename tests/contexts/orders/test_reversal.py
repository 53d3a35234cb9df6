"""Reversals: void what is only held, refund what was taken, and keep nothing that should go back."""

import pytest

from contexts.orders.gateway import Operation
from contexts.orders.model import WrongState
from contexts.orders.payment import OVER, Payment, Status
from tests.contexts.examples import NOW

from .payments import (
    DECLINED,
    DONE,
    HELD,
    NOTHING_THERE,
    UNKNOWN,
    a_payment,
    asked,
    authorized,
    captured,
    capturing,
    reversed_,
)


def test_a_payment_that_was_never_asked_for_is_forbidden_by_its_reversal() -> None:
    payment = a_payment()

    assert payment.reverse(NOW) is None
    assert payment.reversed(None, NOW)
    assert payment.status is Status.VOIDED
    assert payment.authorize("tok_visa", NOW) is None


def test_what_is_held_is_voided() -> None:
    payment = authorized()

    request = asked(payment.reverse(NOW))

    assert (request.operation, request.transaction_id) == (Operation.VOID, "txn_1")
    assert payment.reversed(DONE, NOW)
    assert (payment.status, payment.refunded_minor) == (Status.VOIDED, 0)


def test_what_was_taken_is_refunded() -> None:
    payment = captured()

    request = asked(payment.reverse(NOW))

    assert (request.operation, request.amount_minor) == (Operation.REFUND, 2498)
    assert payment.reversed(DONE, NOW)
    assert (payment.status, payment.captured_minor, payment.refunded_minor) == (Status.REFUNDED, 2498, 2498)


@pytest.mark.parametrize("payment", [authorized(UNKNOWN), a_payment()], ids=["unknown", "asking"])
def test_a_payment_of_which_nobody_knows_whether_it_is_held_is_voided(payment: Payment) -> None:
    payment.authorize("tok_visa", NOW)

    request = asked(payment.reverse(NOW))

    assert (request.operation, request.transaction_id, request.asked_before) == (Operation.VOID, None, True)
    assert payment.reversed(NOTHING_THERE, NOW)
    assert payment.status is Status.VOIDED


def test_a_capture_whose_answer_was_lost_is_voided_or_else_refunded() -> None:
    voided, refunded = capturing(), capturing()

    assert asked(voided.reverse(NOW)).operation is Operation.VOID
    assert voided.reversed(DONE, NOW)
    assert voided.status is Status.VOIDED

    assert asked(refunded.reverse(NOW)).operation is Operation.VOID
    assert not refunded.reversed(DECLINED, NOW), "it was captured: now it is to be refunded"
    assert asked(refunded.reverse(NOW)).operation is Operation.REFUND
    assert refunded.reversed(DONE, NOW)
    assert (refunded.status, refunded.refunded_minor) == (Status.REFUNDED, 2498)


@pytest.mark.parametrize("payment", [authorized(), capturing(), captured()], ids=lambda payment: payment.status)
def test_a_reversal_whose_answer_was_lost_is_asked_for_again_under_the_same_key(payment: Payment) -> None:
    first, status = asked(payment.reverse(NOW)), payment.status

    assert not payment.reversed(UNKNOWN, NOW)

    assert payment.status is status
    again = asked(payment.reverse(NOW))
    assert (again.operation, again.idempotency_key) == (first.operation, first.idempotency_key)
    assert (first.asked_before, again.asked_before) == (True, True)


@pytest.mark.parametrize("payment", [authorized(), captured()], ids=lambda payment: payment.status)
def test_a_declined_reversal_is_a_fault(payment: Payment) -> None:
    status = payment.status
    payment.reverse(NOW)

    with pytest.raises(WrongState, match="declined to reverse"):
        payment.reversed(DECLINED, NOW)

    assert payment.status is status


@pytest.mark.parametrize(
    "payment",
    [authorized(DECLINED), reversed_(authorized()), reversed_(captured()), reversed_(a_payment())],
    ids=["declined", "voided", "refunded", "never asked for"],
)
def test_reversing_what_is_over_changes_nothing(payment: Payment) -> None:
    before = (payment.status, payment.version, payment.refunded_minor)
    assert payment.status in OVER

    assert payment.reverse(NOW) is None
    assert payment.reversed(None, NOW)
    assert payment.reversed(DONE, NOW)

    assert (payment.status, payment.version, payment.refunded_minor) == before


def test_a_hold_that_comes_after_the_void_is_on_record_so_that_it_can_be_voided() -> None:
    payment = a_payment()
    payment.authorize("tok_visa", NOW)
    reversed_(payment, NOTHING_THERE)

    payment.authorized(HELD, NOW)

    assert (payment.status, payment.transaction_id) == (Status.AUTHORIZED, "txn_1")
    assert asked(payment.reverse(NOW)).transaction_id == "txn_1"
    assert payment.reversed(DONE, NOW)
    assert payment.status is Status.VOIDED


def test_a_void_that_found_nothing_does_not_let_go_of_a_hold_that_came_meanwhile() -> None:
    """The gateway was asked to void, found nothing, then held the money; the hold is heard of before the void."""
    payment = a_payment()
    payment.authorize("tok_visa", NOW)
    payment.reverse(NOW)
    payment.authorized(HELD, NOW)

    assert not payment.reversed(NOTHING_THERE, NOW)

    assert payment.status is Status.AUTHORIZED
    assert asked(payment.reverse(NOW)).transaction_id == "txn_1"
    assert payment.reversed(DONE, NOW)
