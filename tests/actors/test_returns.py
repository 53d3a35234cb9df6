"""The actors of a return: the parcel is stopped, the money given back, the goods restocked, the order closed."""

from datetime import date
from uuid import UUID, uuid4

import pytest

from actors.delivery import delivery_scheduled, recall_shipment, schedule_delivery, shipment_recalled
from actors.inventory import order_completed, receive_stock, reserve_stock, restock_return
from actors.orders import complete_order, place_order, product_changed, refuse_return, return_order
from actors.payments import (
    authorize_payment,
    capture_payment,
    payment_authorized,
    payment_captured,
    payment_refunded,
    refund_payment,
)
from actors.runtime.handlers import TryAgain
from contexts.catalog.messages import Price, ProductChanged
from contexts.delivery.carrier import Booked, Cancelled, Refused, Unknown
from contexts.delivery.messages import RecallRefused, RecallShipment, ScheduleDelivery, ShipmentRecalled
from contexts.delivery.model import NotScheduled, Shipments
from contexts.delivery.model import Outcome as Parcel
from contexts.inventory.messages import Line, ReceiveStock, ReserveStock, RestockReturn, StockReturned
from contexts.inventory.model import NotShipped, Stocks
from contexts.orders import gateway
from contexts.orders.messages import (
    AuthorizePayment,
    CapturePayment,
    CompleteOrder,
    OrderCompleted,
    OrderReturned,
    PaymentRefunded,
    RefundPayment,
    RefuseReturn,
    ReturnOrder,
    ReturnRefused,
)
from contexts.orders.model import Orders, WrongState
from contexts.orders.payment import Outcome, Payments, payment_id
from tests.contexts.examples import ADDRESS, NOW, a_place_order, an_answer

CD, ORDER = UUID(int=1), UUID(int=2)
LINES = (Line(product_id=CD, quantity=2),)
DONE = gateway.Approved("txn_1", "visa", "4242")
REFUND, RECALL = RefundPayment(order_id=ORDER), RecallShipment(order_id=ORDER)
RESTOCK = RestockReturn(order_id=ORDER, lines=LINES)


def a_completed_order() -> tuple[Orders, UUID]:
    orders, price = Orders(), Price(id=uuid4(), price_minor=999, effective_from=NOW)
    told = ProductChanged(product_id=CD, version=1, sku="CD-1", name="A CD", status="ACTIVE", prices=(price,))
    product_changed(told, orders)
    command = a_place_order((CD, 2))
    list(place_order(command, orders))
    list(complete_order(CompleteOrder(order_id=command.order_id), orders))
    return orders, command.order_id


def a_captured_payment(amount_minor: int = 2498) -> Payments:
    payments = Payments(totals={ORDER: (amount_minor, "USD")})
    authorize, capture = AuthorizePayment(order_id=ORDER, card_token="tok_visa"), CapturePayment(order_id=ORDER)
    asked = authorize_payment(authorize, payments)
    list(payment_authorized(authorize, DONE if asked else None, payments))
    asked = capture_payment(capture, payments)
    list(payment_captured(capture, DONE if asked else None, payments))
    return payments


def refund(payments: Payments, outcome: Outcome | None) -> object:
    (told,) = payment_refunded(REFUND, outcome if refund_payment(REFUND, payments) else None, payments)
    return told


def a_scheduled_shipment() -> Shipments:
    shipments = Shipments()
    command = ScheduleDelivery(order_id=ORDER, shipping_address=ADDRESS, shipping_method="EXPRESS", pieces=2)
    schedule_delivery(command, shipments)
    list(delivery_scheduled(command, Booked("FV123", date(2026, 3, 6)), shipments))
    return shipments


def recall(shipments: Shipments, outcome: Parcel) -> object:
    (told,) = shipment_recalled(RECALL, outcome if recall_shipment(RECALL, shipments) else None, shipments)
    return told


def held_stock() -> Stocks:
    stocks = Stocks()
    receive_stock(ReceiveStock(delivery_id=uuid4(), product_id=CD, warehouse_id=UUID(int=10), quantity=3), stocks)
    list(reserve_stock(ReserveStock(order_id=ORDER, lines=LINES), stocks))
    return stocks


def test_an_order_that_came_back_is_closed_and_told_so_each_time() -> None:
    orders, order_id = a_completed_order()
    command = ReturnOrder(order_id=order_id, reason="cancelled")

    (told,) = return_order(command, orders)

    assert isinstance(told, OrderReturned)
    assert (told.order_id, told.reason) == (order_id, "cancelled")
    assert list(return_order(command, orders)) == [told]


def test_an_order_that_cannot_come_back_is_told_so_each_time() -> None:
    orders, order_id = a_completed_order()
    command = RefuseReturn(order_id=order_id, reason="recall_refused")

    (told,) = refuse_return(command, orders)

    assert isinstance(told, ReturnRefused)
    assert list(refuse_return(command, orders)) == [told]


def test_what_was_never_completed_cannot_come_back() -> None:
    with pytest.raises(WrongState):
        list(return_order(ReturnOrder(order_id=uuid4(), reason="cancelled"), Orders()))
    with pytest.raises(WrongState):
        list(refuse_return(RefuseReturn(order_id=uuid4(), reason="recall_refused"), Orders()))


def test_money_that_was_taken_is_given_back_and_told_each_time() -> None:
    payments = a_captured_payment()
    told = PaymentRefunded(order_id=ORDER, payment_id=payment_id(ORDER), amount_minor=2498)

    assert refund(payments, DONE) == told
    assert refund_payment(REFUND, payments) is None
    assert refund(payments, None) == told


def test_an_order_of_no_value_is_told_as_refunded_with_nothing() -> None:
    payments = a_captured_payment(0)

    assert refund_payment(REFUND, payments) is None
    (told,) = payment_refunded(REFUND, None, payments)

    assert told.amount_minor == 0


def test_a_refund_whose_answer_was_lost_is_tried_again() -> None:
    payments = a_captured_payment()

    with pytest.raises(TryAgain, match="timed out"):
        refund(payments, gateway.Unknown("timed out"))

    assert isinstance(refund(payments, DONE), PaymentRefunded)


def test_a_capture_that_is_asked_again_after_the_refund_is_told_as_before() -> None:
    payments = a_captured_payment()
    refund(payments, DONE)
    command = CapturePayment(order_id=ORDER)

    assert capture_payment(command, payments) is None
    (told,) = payment_captured(command, None, payments)

    assert told.amount_minor == 2498


def test_what_left_the_warehouse_comes_back_and_is_told_each_time() -> None:
    stocks, completed = held_stock(), an_answer(OrderCompleted, ORDER)
    assert isinstance(completed, OrderCompleted)
    order_completed(completed, stocks)

    assert list(restock_return(RESTOCK, stocks)) == list(restock_return(RESTOCK, stocks))

    assert list(restock_return(RESTOCK, stocks)) == [StockReturned(order_id=ORDER)]
    (level,) = stocks.levels[CD]
    assert (level.on_hand, level.reserved) == (3, 0)


def test_a_return_that_overtakes_the_order_s_completion_waits_for_it() -> None:
    stocks, completed = held_stock(), an_answer(OrderCompleted, ORDER)
    assert isinstance(completed, OrderCompleted)
    with pytest.raises(NotShipped):
        list(restock_return(RESTOCK, stocks))

    order_completed(completed, stocks)

    assert list(restock_return(RESTOCK, stocks)) == [StockReturned(order_id=ORDER)]


def test_a_parcel_that_the_carrier_stops_is_told_as_recalled_each_time() -> None:
    shipments = a_scheduled_shipment()

    assert recall(shipments, Cancelled()) == ShipmentRecalled(order_id=ORDER)
    assert recall_shipment(RECALL, shipments) is None
    assert recall(shipments, None) == ShipmentRecalled(order_id=ORDER)


def test_a_parcel_that_cannot_be_stopped_is_told_with_the_carrier_s_code_each_time() -> None:
    shipments, told = a_scheduled_shipment(), RecallRefused(order_id=ORDER, code="in_transit")

    assert recall(shipments, Refused("in_transit", "The parcel is on its way.")) == told
    assert recall_shipment(RECALL, shipments) is None
    assert recall(shipments, None) == told


def test_a_recall_whose_answer_was_lost_is_tried_again() -> None:
    shipments = a_scheduled_shipment()

    with pytest.raises(TryAgain, match="timed out"):
        recall(shipments, Unknown("timed out"))

    assert recall(shipments, Cancelled()) == ShipmentRecalled(order_id=ORDER)


def test_a_parcel_that_nobody_booked_cannot_be_recalled() -> None:
    with pytest.raises(NotScheduled):
        recall_shipment(RECALL, Shipments())
