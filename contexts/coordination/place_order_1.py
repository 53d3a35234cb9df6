"""The first version of the journey of an order, with capture and completion apart: those that began so end so.

It stays as it is, whatever becomes of `place_order.py`, as long as rows of it are stored
(docs/decisions/0014-settle-in-one-step.md).
"""

from datetime import timedelta

from contexts.coordination.saga import Compensation, Kind, Saga, Step
from contexts.delivery.messages import (
    CancellationRefused,
    CancelShipment,
    DeliveryRefused,
    ScheduleDelivery,
    ShipmentCancelled,
    ShipmentScheduled,
)
from contexts.inventory.messages import (
    Line,
    ReleaseStock,
    ReservationExpired,
    ReserveStock,
    StockReleased,
    StockReserved,
    StockUnavailable,
)
from contexts.orders.messages import (
    AuthorizePayment,
    CapturePayment,
    CompleteOrder,
    OrderCompleted,
    OrderPlaced,
    OrderRejected,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentReversed,
    RejectOrder,
    ReversePayment,
)


def lines_to_hold(order: OrderPlaced) -> tuple[Line, ...]:
    """Return an order's lines as the inventory speaks of them."""
    return tuple(Line(product_id=line.product_id, quantity=line.quantity) for line in order.lines)


PLACE_ORDER_1 = Saga[OrderPlaced](
    name="place_order",
    version=1,
    starts=OrderPlaced,
    stages=(
        Step(
            "reserve",
            Kind.COMPENSATABLE,
            command=lambda order: ReserveStock(order_id=order.order_id, lines=lines_to_hold(order)),
            done=StockReserved,
            refused=StockUnavailable,
            compensation=Compensation(
                lambda order: ReleaseStock(order_id=order.order_id, lines=lines_to_hold(order)), done=StockReleased
            ),
        ),
        Step(
            "pay",
            Kind.COMPENSATABLE,
            command=lambda order: AuthorizePayment(order_id=order.order_id, card_token=order.card_token),
            done=PaymentAuthorized,
            refused=PaymentDeclined,
            compensation=Compensation(lambda order: ReversePayment(order_id=order.order_id), done=PaymentReversed),
        ),
        Step(
            "ship",
            Kind.PIVOT,
            command=lambda order: ScheduleDelivery(
                order_id=order.order_id,
                shipping_address=order.shipping_address,
                shipping_method=order.shipping_method,
                pieces=sum(line.quantity for line in order.lines),
            ),
            done=ShipmentScheduled,
            refused=DeliveryRefused,
            compensation=Compensation(
                lambda order: CancelShipment(order_id=order.order_id),
                done=ShipmentCancelled,
                refused=CancellationRefused,
            ),
            deadline=timedelta(minutes=20),
        ),
        Step(
            "capture",
            Kind.RETRIABLE,
            command=lambda order: CapturePayment(order_id=order.order_id),
            done=PaymentCaptured,
            deadline=timedelta(minutes=30),
        ),
        Step(
            "complete",
            Kind.RETRIABLE,
            command=lambda order: CompleteOrder(order_id=order.order_id),
            done=OrderCompleted,
            deadline=timedelta(minutes=30),
        ),
    ),
    close_undone=lambda order, reason: RejectOrder(order_id=order.order_id, reason=reason),
    closed_undone=OrderRejected,
    abandoned_by=(ReservationExpired,),
    returned_by="return_order",
)
