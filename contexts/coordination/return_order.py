"""The way back of a completed order, top to bottom: recall the parcel, then give money and goods back, then close."""

from datetime import timedelta

from contexts.coordination.place_order import lines_to_hold
from contexts.coordination.saga import Kind, Saga, Step, Together, WithReason
from contexts.delivery.messages import RecallRefused, RecallShipment, ShipmentRecalled
from contexts.inventory.messages import RestockReturn, StockReturned
from contexts.orders.messages import (
    OrderPlaced,
    OrderReturned,
    PaymentRefunded,
    RefundPayment,
    RefuseReturn,
    ReturnOrder,
    ReturnRefused,
)

#: Every step has to be answered and is sent again until it is, but not before the last try of the message is over.
PATIENCE = timedelta(minutes=30)

RETURN_ORDER = Saga[OrderPlaced](
    name="return_order",
    version=1,
    starts=None,
    stages=(
        Step(
            "recall",
            Kind.PIVOT,
            command=lambda order: RecallShipment(order_id=order.order_id),
            done=ShipmentRecalled,
            refused=RecallRefused,
            deadline=PATIENCE,
        ),
        Together(
            Step(
                "refund",
                Kind.RETRIABLE,
                command=lambda order: RefundPayment(order_id=order.order_id),
                done=PaymentRefunded,
                deadline=PATIENCE,
            ),
            Step(
                "restock",
                Kind.RETRIABLE,
                command=lambda order: RestockReturn(order_id=order.order_id, lines=lines_to_hold(order)),
                done=StockReturned,
                deadline=PATIENCE,
            ),
        ),
        Step(
            "close",
            Kind.RETRIABLE,
            command=WithReason(lambda order, reason: ReturnOrder(order_id=order.order_id, reason=reason)),
            done=OrderReturned,
            deadline=PATIENCE,
        ),
    ),
    close_undone=lambda order, reason: RefuseReturn(order_id=order.order_id, reason=reason),
    closed_undone=ReturnRefused,
)
