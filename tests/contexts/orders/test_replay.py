"""From its events alone an order, or a payment, can be built again as it stands, or as it stood at any version."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from contexts.orders.gateway import Approved, Declined, Unknown
from contexts.orders.messages import PricedLine
from contexts.orders.model import Order, OrderEvent, WrongState
from contexts.orders.payment import Payment, Payments
from tests.contexts.examples import NOW

ORDER = UUID(int=1)

outcomes = st.sampled_from([Approved("txn_1", "visa", "4242"), Declined("expired_card", "no"), Unknown("timed out")])
steps = st.tuples(st.sampled_from(["authorize", "capture", "refund", "reverse"]), outcomes)


def an_order() -> Order:
    line = PricedLine(
        product_id=UUID(int=3), sku="CD-1", name="A CD", quantity=2, unit_price_minor=999, total_minor=1998
    )
    order = Order(ORDER, UUID(int=7), "jane@shop.example", None, "USD", (line,), {}, {}, NOW)
    order.place(NOW)
    return order


def replayed_order(events: list[OrderEvent]) -> dict[str, Any]:
    names = ("status", "rejection_reason", "completed_at", "return_reason", "returned_at", "return_refusal")
    row: dict[str, Any] = dict.fromkeys(names)
    for event in events:
        match event.kind:
            case "OrderPlaced":
                row |= {"status": "PENDING", **event.payload}
            case "OrderCompleted":
                row |= {"status": "COMPLETED", "completed_at": event.at}
            case "OrderRejected":
                row |= {"status": "REJECTED", "completed_at": event.at, "rejection_reason": event.payload["reason"]}
            case "OrderReturned":
                row |= {"status": "RETURNED", "returned_at": event.at, "return_reason": event.payload["reason"]}
            case "ReturnRefused":
                row |= {"return_refusal": event.payload["reason"]}
    return row | {"version": len(events)}


def order_row(order: Order) -> dict[str, Any]:
    return {
        "status": order.status.value,
        "rejection_reason": order.rejection_reason,
        "completed_at": order.completed_at,
        "return_reason": order.return_reason,
        "returned_at": order.returned_at,
        "return_refusal": order.return_refusal,
        "total_minor": order.total_minor,
        "currency": order.currency,
        "version": order.version,
    }


def payment_row(payment: Payment) -> dict[str, Any]:
    return {
        "status": payment.status.value,
        "transaction_id": payment.transaction_id,
        "captured_minor": payment.captured_minor,
        "refunded_minor": payment.refunded_minor,
        "failure_code": payment.failure_code,
    }


def test_an_order_is_rebuilt_from_its_events() -> None:
    pending, completed, rejected, returned, kept = (an_order() for _ in range(5))
    rejected.reject("pay_refused", NOW)
    for order in (completed, returned, kept):
        order.complete(NOW)
    returned.take_back("cancelled", NOW + timedelta(days=1))
    kept.refuse_return("recall_refused", NOW + timedelta(days=1))

    for order in (pending, completed, rejected, returned, kept):
        assert replayed_order(order.events) == order_row(order)


def take(payment: Payment, action: str, outcome: Any) -> None:
    """Ask and conclude as the actors do; a fault leaves the payment where it is."""
    try:
        if action == "authorize":
            asked = payment.authorize("tok_visa", NOW)
            payment.authorized(outcome if asked else None, NOW)
        elif action == "capture":
            asked = payment.capture(NOW)
            payment.captured(outcome if asked else None, NOW)
        elif action == "refund":
            asked = payment.refund(NOW)
            payment.refunded(outcome if asked else None, NOW)
        else:
            asked = payment.reverse(NOW)
            payment.reversed(outcome if asked else None, NOW)
    except WrongState:
        return


@settings(max_examples=300, deadline=None)
@given(taken=st.lists(steps, max_size=10), amount=st.sampled_from([0, 2498]))
def test_a_payment_is_rebuilt_from_its_events_after_each_of_them(taken: list[tuple[str, Any]], amount: int) -> None:
    payment = Payments(totals={ORDER: (amount, "USD")}).of(ORDER)

    for action, outcome in taken:
        take(payment, action, outcome)
        if payment.events:
            assert payment.events[-1].payload == payment_row(payment)

    assert [event.sequence for event in payment.events] == list(range(1, payment.version + 1))
    assert len({event.id for event in payment.events}) == payment.version
    assert {event.subject_id for event in payment.events} <= {payment.id}


@settings(max_examples=300, deadline=None)
@given(taken=st.lists(steps, max_size=10), amount=st.sampled_from([0, 2498]))
def test_no_payment_ever_takes_more_than_the_total_or_gives_back_more_than_it_took(
    taken: list[tuple[str, Any]], amount: int
) -> None:
    payment = Payments(totals={ORDER: (amount, "USD")}).of(ORDER)

    for action, outcome in taken:
        take(payment, action, outcome)
        assert 0 <= payment.refunded_minor <= payment.captured_minor <= amount
        assert payment.captured_minor in (0, amount)
        if payment.status == "REFUNDED":
            assert payment.refunded_minor == payment.captured_minor == amount


def test_events_of_an_order_and_of_its_payment_are_told_apart() -> None:
    payment = Payments(totals={ORDER: (2498, "USD")}).of(ORDER)
    payment.authorize("tok_visa", NOW)

    (of_payment,), (of_order,) = payment.events, an_order().events

    assert of_payment.order_id == of_order.order_id == ORDER
    assert of_payment.sequence == of_order.sequence == 1
    assert of_payment.id != of_order.id
