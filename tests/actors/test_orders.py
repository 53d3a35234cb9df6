"""The actors of orders and payments: commands in, answers out, and a lost answer is asked for again."""

from uuid import UUID, uuid4

import pytest

from actors.orders import complete_order, place_order, product_changed, reject_order
from actors.payments import (
    authorize_payment,
    capture_payment,
    order_settled,
    payment_authorized,
    payment_captured,
    payment_reversed,
    reverse_payment,
    settle_order,
)
from actors.runtime.handlers import TryAgain
from contexts.catalog.messages import Price, ProductChanged
from contexts.messages import Message
from contexts.orders.gateway import Approved, Declined, Unknown
from contexts.orders.messages import (
    AuthorizePayment,
    CapturePayment,
    CompleteOrder,
    OrderCompleted,
    OrderRejected,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentReversed,
    RejectOrder,
    ReversePayment,
    SettleOrder,
)
from contexts.orders.model import NoPrice, Orders, WrongState
from contexts.orders.model import Status as OrderStatus
from contexts.orders.payment import Outcome, Payments, Status, payment_id
from contexts.orders.settlement import Settlements
from tests.contexts.examples import NOW, a_place_order

CD, ORDER = UUID(int=1), UUID(int=2)
HELD = Approved("txn_1", "visa", "4242")
DONE = Approved("txn_1")
DECLINED = Declined("insufficient_funds", "Your card has insufficient funds.")
UNKNOWN = Unknown("timed out")
AUTHORIZE = AuthorizePayment(order_id=ORDER, card_token="tok_visa")
CAPTURE, REVERSE = CapturePayment(order_id=ORDER), ReversePayment(order_id=ORDER)
HELD_TOLD = PaymentAuthorized(order_id=ORDER, payment_id=payment_id(ORDER))


def priced() -> Orders:
    orders, price = Orders(), Price(id=uuid4(), price_minor=999, effective_from=NOW)
    event = ProductChanged(product_id=CD, version=1, sku="CD-1", name="A CD", status="ACTIVE", prices=(price,))
    product_changed(event, orders)
    return orders


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


def test_an_order_is_placed_at_the_price_that_the_catalog_told() -> None:
    command = a_place_order((CD, 2))

    (placed,) = place_order(command, priced())

    assert (placed.order_id, placed.total_minor) == (command.order_id, 1998)


def test_an_order_without_a_price_is_a_fault_that_passes_once_the_catalog_has_told() -> None:
    orders, command = Orders(), a_place_order((CD, 2))
    with pytest.raises(NoPrice):
        list(place_order(command, orders))

    (placed,) = place_order(command, priced())

    assert placed.total_minor == 1998


def test_an_order_is_closed_as_fulfilled_or_as_undone() -> None:
    orders, fulfilled, undone = priced(), a_place_order((CD, 1)), a_place_order((CD, 1))
    for command in (fulfilled, undone):
        list(place_order(command, orders))

    (completed,) = complete_order(CompleteOrder(order_id=fulfilled.order_id), orders)
    (rejected,) = reject_order(RejectOrder(order_id=undone.order_id, reason="pay_refused"), orders)

    assert isinstance(completed, OrderCompleted)
    assert completed.order_id == fulfilled.order_id
    assert isinstance(rejected, OrderRejected)
    assert (rejected.order_id, rejected.reason) == (undone.order_id, "pay_refused")


def test_what_was_never_placed_cannot_be_closed() -> None:
    with pytest.raises(WrongState):
        list(complete_order(CompleteOrder(order_id=uuid4()), Orders()))
    with pytest.raises(WrongState):
        list(reject_order(RejectOrder(order_id=uuid4(), reason="pay_refused"), Orders()))


def to_settle() -> tuple[SettleOrder, Settlements]:
    """An order whose money is held."""
    orders, command = priced(), a_place_order((CD, 2))
    (placed,) = place_order(command, orders)
    payments = Payments(totals={command.order_id: (placed.total_minor, "USD")})
    authorize = AuthorizePayment(order_id=command.order_id, card_token="tok_visa")
    authorize_payment(authorize, payments)
    list(payment_authorized(authorize, HELD, payments))
    return SettleOrder(order_id=command.order_id), Settlements(orders, payments)


def settle(command: SettleOrder, known: Settlements, outcome: Outcome) -> list[OrderCompleted]:
    asked = settle_order(command, known.payments)
    return list(order_settled(command, outcome if asked else None, known))


def test_an_order_is_completed_with_its_money_taken_and_completing_it_again_tells_the_same() -> None:
    command, known = to_settle()

    (completed,) = settle(command, known, DONE)

    assert completed.order_id == command.order_id
    assert known.payments.of(command.order_id).captured_minor == completed.total_minor == 1998
    assert known.orders.get(command.order_id).status is OrderStatus.COMPLETED
    assert settle(command, known, DECLINED) == [completed], "the gateway is not asked again"


def test_an_order_is_not_completed_before_its_money_is_known_to_be_taken() -> None:
    command, known = to_settle()

    with pytest.raises(TryAgain, match="timed out"):
        settle(command, known, UNKNOWN)
    assert known.orders.get(command.order_id).status is OrderStatus.PENDING
    with pytest.raises(WrongState, match="declined"):
        settle(command, known, DECLINED)

    assert known.orders.get(command.order_id).status is OrderStatus.PENDING
    assert len(settle(command, known, DONE)) == 1


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
