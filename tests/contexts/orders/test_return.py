"""Returns: a completed order comes back once, or is told once that it cannot."""

import pytest

from contexts.orders.messages import OrderReturned, ReturnRefused
from contexts.orders.model import FINAL, Order, Status, WrongState
from tests.contexts.examples import NOW, a_priced_line

from .payments import ORDER


def an_order() -> Order:
    """An order that was just placed."""
    order = Order(ORDER, ORDER, "jane@shop.example", None, "USD", (a_priced_line(2),), {}, {}, NOW)
    order.place(NOW)
    return order


def completed() -> Order:
    order = an_order()
    order.complete(NOW)
    return order


def rejected() -> Order:
    order = an_order()
    order.reject("pay_refused", NOW)
    return order


def returned() -> Order:
    order = completed()
    order.take_back("cancelled", NOW)
    return order


def kinds(order: Order) -> list[str]:
    return [event.kind for event in order.events]


def test_a_completed_order_comes_back_and_tells_what_a_mail_needs() -> None:
    order = completed()

    told = order.take_back("cancelled", NOW)

    assert isinstance(told, OrderReturned)
    assert (told.order_id, told.reason, told.total_minor, told.lines) == (ORDER, "cancelled", 1998, order.lines)
    assert (order.status, order.return_reason, order.returned_at) == (Status.RETURNED, "cancelled", NOW)
    assert order.completed_at == NOW
    assert order.status in FINAL


def test_returning_twice_is_returning_once_for_the_first_reason() -> None:
    order = completed()
    first = order.take_back("cancelled", NOW)

    assert order.take_back("reversed", NOW) == first
    assert kinds(order) == ["OrderPlaced", "OrderCompleted", "OrderReturned"]


def test_a_completion_that_is_told_again_leaves_an_order_returned() -> None:
    order = returned()

    assert order.complete(NOW) == completed().complete(NOW).model_copy(update={"lines": order.lines})
    assert order.status is Status.RETURNED


def test_a_return_that_is_refused_leaves_the_order_completed() -> None:
    order = completed()

    told = order.refuse_return("recall_refused", NOW)

    assert isinstance(told, ReturnRefused)
    assert (told.order_id, told.reason, order.status) == (ORDER, "recall_refused", Status.COMPLETED)
    assert order.refuse_return("another", NOW) == told
    assert kinds(order) == ["OrderPlaced", "OrderCompleted", "ReturnRefused"]


@pytest.mark.parametrize("order", [an_order(), rejected()], ids=lambda order: order.status)
def test_only_a_completed_order_comes_back(order: Order) -> None:
    before = (order.status, order.version)

    with pytest.raises(WrongState, match="cannot come back"):
        order.take_back("cancelled", NOW)

    assert (order.status, order.version) == before


@pytest.mark.parametrize("order", [an_order(), rejected(), returned()], ids=lambda order: order.status)
def test_only_a_completed_order_can_be_told_that_it_cannot_come_back(order: Order) -> None:
    before = (order.status, order.version)

    with pytest.raises(WrongState, match="return cannot be refused"):
        order.refuse_return("recall_refused", NOW)

    assert (order.status, order.version) == before


def test_an_order_that_came_back_cannot_be_rejected() -> None:
    with pytest.raises(WrongState, match="cannot be rejected"):
        returned().reject("pay_refused", NOW)
