"""The actors of payments: commands in, answers out, and a lost answer is asked for again."""

from uuid import UUID

import pytest

from actors.payments import (
    authorize_payment,
    capture_payment,
    payment_authorized,
    payment_captured,
    payment_reversed,
    reverse_payment,
)
from actors.runtime.handlers import TryAgain
from contexts.messages import Message
from contexts.orders.gateway import Approved, Declined, Unknown
from contexts.orders.messages import (
    AuthorizePayment,
    CapturePayment,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentReversed,
    ReversePayment,
)
from contexts.orders.model import WrongState
from contexts.orders.payment import Outcome, Payments, Status, payment_id

ORDER = UUID(int=2)
HELD = Approved("txn_1", "visa", "4242")
DONE = Approved("txn_1")
DECLINED = Declined("insufficient_funds", "Your card has insufficient funds.")
UNKNOWN = Unknown("timed out")
AUTHORIZE = AuthorizePayment(order_id=ORDER, card_token="tok_visa")
CAPTURE, REVERSE = CapturePayment(order_id=ORDER), ReversePayment(order_id=ORDER)
HELD_TOLD = PaymentAuthorized(order_id=ORDER, payment_id=payment_id(ORDER))


def payments(amount_minor: int = 2498) -> Payments:
    return Payments(totals={ORDER: (amount_minor, "USD")})


def authorize(known: Payments, outcome: Outcome | None) -> Message:
    (answer,) = payment_authorized(AUTHORIZE, outcome if authorize_payment(AUTHORIZE, known) else None, known)
    return answer


def capture(known: Payments, outcome: Outcome | None) -> Message:
    (answer,) = payment_captured(CAPTURE, outcome if capture_payment(CAPTURE, known) else None, known)
    return answer


def reverse(known: Payments, outcome: Outcome | None) -> Message:
    (answer,) = payment_reversed(REVERSE, outcome if reverse_payment(REVERSE, known) else None, known)
    return answer


def test_money_that_is_held_and_taken_is_told() -> None:
    known = payments()

    assert authorize(known, HELD) == HELD_TOLD
    assert capture(known, DONE) == PaymentCaptured(order_id=ORDER, payment_id=payment_id(ORDER), amount_minor=2498)


def test_each_answer_is_told_again_without_asking_the_gateway() -> None:
    known = payments()
    first = authorize(known, HELD)

    assert authorize_payment(AUTHORIZE, known) is None
    assert authorize(known, None) == first
    taken = capture(known, DONE)
    assert capture_payment(CAPTURE, known) is None
    assert capture(known, None) == taken
    back = reverse(known, DONE)
    assert reverse_payment(REVERSE, known) is None
    assert reverse(known, None) == back


def test_a_declined_card_is_told_with_its_code_each_time() -> None:
    known = payments()
    told = PaymentDeclined(order_id=ORDER, payment_id=payment_id(ORDER), code="insufficient_funds")

    assert authorize(known, DECLINED) == told
    assert authorize(known, None) == told


def test_an_authorization_whose_answer_was_lost_is_tried_again() -> None:
    known = payments()

    with pytest.raises(TryAgain, match="timed out"):
        authorize(known, UNKNOWN)

    assert known.of(ORDER).status is Status.UNKNOWN
    assert authorize(known, HELD) == HELD_TOLD


def test_an_authorization_whose_answer_was_lost_may_turn_out_declined() -> None:
    known = payments()
    with pytest.raises(TryAgain):
        authorize(known, UNKNOWN)

    assert isinstance(authorize(known, DECLINED), PaymentDeclined)


def test_a_capture_whose_answer_was_lost_is_tried_again() -> None:
    known = payments()
    authorize(known, HELD)

    with pytest.raises(TryAgain, match="timed out"):
        capture(known, UNKNOWN)

    assert isinstance(capture(known, DONE), PaymentCaptured)


def test_what_is_not_held_is_not_taken() -> None:
    known = payments()
    reverse(known, None)

    with pytest.raises(WrongState):
        capture_payment(CAPTURE, known)


@pytest.mark.parametrize("taken", [False, True])
def test_money_that_is_held_or_taken_is_given_back(taken: bool) -> None:
    known = payments()
    authorize(known, HELD)
    if taken:
        capture(known, DONE)

    assert reverse(known, DONE) == PaymentReversed(order_id=ORDER)
    assert known.of(ORDER).status is (Status.REFUNDED if taken else Status.VOIDED)


def test_a_reversal_whose_answer_was_lost_is_tried_again() -> None:
    known = payments()
    authorize(known, HELD)

    with pytest.raises(TryAgain, match="timed out"):
        reverse(known, UNKNOWN)

    assert reverse(known, DONE) == PaymentReversed(order_id=ORDER)


def test_a_capture_that_was_done_although_its_answer_was_lost_is_refunded_at_the_second_try() -> None:
    known = payments()
    authorize(known, HELD)
    with pytest.raises(TryAgain):
        capture(known, UNKNOWN)

    with pytest.raises(TryAgain):
        reverse(known, DECLINED)

    assert reverse(known, DONE) == PaymentReversed(order_id=ORDER)
    assert known.of(ORDER).status is Status.REFUNDED


def test_a_reversal_that_overtakes_the_authorization_wins() -> None:
    known = payments()

    assert reverse(known, None) == PaymentReversed(order_id=ORDER)

    assert authorize_payment(AUTHORIZE, known) is None
    assert authorize(known, None) == PaymentDeclined(order_id=ORDER, payment_id=payment_id(ORDER), code="reversed")


def test_a_hold_that_comes_after_the_payment_was_given_up_is_given_back() -> None:
    known = payments()
    assert authorize_payment(AUTHORIZE, known) is not None
    reverse(known, Approved(""))

    (consequence,) = payment_authorized(AUTHORIZE, HELD, known)

    assert consequence == REVERSE
    request = reverse_payment(REVERSE, known)
    assert request is not None
    assert request.transaction_id == "txn_1"
    assert list(payment_reversed(REVERSE, DONE, known)) == [PaymentReversed(order_id=ORDER)]
    assert known.of(ORDER).status is Status.VOIDED


def test_a_decline_that_comes_after_the_payment_was_given_up_leaves_it_given_up() -> None:
    known = payments()
    authorize_payment(AUTHORIZE, known)
    reverse(known, Approved(""))

    (answer,) = payment_authorized(AUTHORIZE, DECLINED, known)

    assert isinstance(answer, PaymentDeclined)
    assert known.of(ORDER).status is Status.VOIDED


def test_an_answer_that_is_lost_after_the_payment_was_given_up_may_be_a_hold_and_is_voided_again() -> None:
    known = payments()
    authorize_payment(AUTHORIZE, known)
    reverse(known, Approved(""))

    (consequence,) = payment_authorized(AUTHORIZE, UNKNOWN, known)

    assert consequence == REVERSE
    assert reverse_payment(REVERSE, known) is not None


def test_an_answer_that_a_crash_lost_after_the_payment_was_given_up_may_be_a_hold_and_is_voided_again() -> None:
    known = payments()
    authorize_payment(AUTHORIZE, known)
    reverse(known, Approved(""))

    assert authorize_payment(AUTHORIZE, known) is None
    (consequence,) = payment_authorized(AUTHORIZE, None, known)

    assert consequence == REVERSE
    again = reverse_payment(REVERSE, known)
    assert again is not None
    assert again.asked_before
    assert reverse(known, Approved("")) == PaymentReversed(order_id=ORDER)


def test_an_authorization_that_comes_again_after_the_refund_is_not_told_as_held() -> None:
    known = payments()
    authorize(known, HELD)
    capture(known, DONE)
    reverse(known, DONE)

    assert isinstance(authorize(known, None), PaymentDeclined)


def test_an_order_of_no_value_is_paid_without_asking_the_gateway() -> None:
    known = payments(0)

    assert authorize_payment(AUTHORIZE, known) is None
    assert authorize(known, None) == HELD_TOLD
    assert capture_payment(CAPTURE, known) is None
    assert capture(known, None) == PaymentCaptured(order_id=ORDER, payment_id=payment_id(ORDER), amount_minor=0)
    assert reverse_payment(REVERSE, known) is None
    assert reverse(known, None) == PaymentReversed(order_id=ORDER)


def test_a_payment_of_no_order_is_a_fault() -> None:
    with pytest.raises(WrongState):
        authorize_payment(AUTHORIZE, Payments())
