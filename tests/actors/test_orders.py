"""The actors of orders: placed at the price told, closed, and settled with their money."""

from uuid import UUID, uuid4

import pytest

from actors.orders import complete_order, place_order, product_changed, reject_order
from actors.payments import (
    authorize_payment,
    order_settled,
    payment_authorized,
    settle_order,
)
from actors.runtime.handlers import TryAgain
from contexts.catalog.messages import Price, ProductChanged
from contexts.orders.gateway import Approved, Declined, Unknown
from contexts.orders.messages import (
    AuthorizePayment,
    CompleteOrder,
    OrderCompleted,
    OrderRejected,
    RejectOrder,
    SettleOrder,
)
from contexts.orders.model import NoPrice, Orders, Status, WrongState
from contexts.orders.payment import Outcome, Payments
from contexts.orders.settlement import Settlements
from tests.contexts.examples import NOW, a_place_order

CD = UUID(int=1)
HELD = Approved("txn_1", "visa", "4242")
DONE = Approved("txn_1")
DECLINED = Declined("insufficient_funds", "Your card has insufficient funds.")
UNKNOWN = Unknown("timed out")


def priced() -> Orders:
    orders, price = Orders(), Price(id=uuid4(), price_minor=999, effective_from=NOW)
    event = ProductChanged(product_id=CD, version=1, sku="CD-1", name="A CD", status="ACTIVE", prices=(price,))
    product_changed(event, orders)
    return orders


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
    assert known.orders.get(command.order_id).status is Status.COMPLETED
    assert settle(command, known, DECLINED) == [completed], "the gateway is not asked again"


def test_an_order_is_not_completed_before_its_money_is_known_to_be_taken() -> None:
    command, known = to_settle()

    with pytest.raises(TryAgain, match="timed out"):
        settle(command, known, UNKNOWN)
    assert known.orders.get(command.order_id).status is Status.PENDING
    with pytest.raises(WrongState, match="declined"):
        settle(command, known, DECLINED)

    assert known.orders.get(command.order_id).status is Status.PENDING
    assert len(settle(command, known, DONE)) == 1
