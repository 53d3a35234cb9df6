"""Occasions: which ends of an order are told to its customer, and by which template."""

from collections.abc import Mapping
from dataclasses import dataclass

from contexts.notifications.mail import CANCELLED, EMAIL
from contexts.orders.messages import OrderClosed, OrderCompleted, OrderRejected, OrderReturned, ReturnRefused


@dataclass(frozen=True, slots=True)
class Occasion:
    """What there is to tell: its name in keys and records, and the template that tells it."""

    event_type: str
    template: str


OCCASIONS: Mapping[type[OrderClosed], Occasion] = {
    OrderCompleted: Occasion("order_completed", "order_confirmation"),
    OrderRejected: Occasion("order_rejected", "order_rejected"),
    OrderReturned: Occasion("order_returned", "order_returned"),
    ReturnRefused: Occasion("return_refused", "return_refused"),
}

#: A rejection that the customer asked for: nobody is sorry, and nothing went wrong.
CANCELLATION = Occasion("order_rejected", "order_cancelled")


def occasion_of(event: OrderClosed) -> Occasion:
    """Return what an event gives to tell."""
    if isinstance(event, OrderRejected) and event.reason == CANCELLED:
        return CANCELLATION
    return OCCASIONS[type(event)]


def notification_key(event: OrderClosed) -> str:
    """Name what is told to whom. The customer's id stands for the recipient: an address may change between attempts."""
    return f"{occasion_of(event).event_type}:{event.order_id}:{event.customer_id}:{EMAIL}"
