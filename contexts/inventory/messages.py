"""What the inventory can be asked, and what it tells."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from contexts.messages import Command, JourneyEvent, Query, Value


class Line(Value):
    """So many units of one product."""

    product_id: UUID
    quantity: Annotated[int, Field(gt=0)]


class ReceiveStock(Command):
    """Units arrived at a warehouse; `delivery_id` names the delivery, so that it is booked once."""

    delivery_id: UUID
    product_id: UUID
    warehouse_id: UUID
    quantity: Annotated[int, Field(gt=0)]


class ReserveStock(Command):
    """Hold stock for every line of an order, or for none."""

    order_id: UUID
    lines: tuple[Line, ...]


class ReleaseStock(Command):
    """Give back what is held for an order; an order released before it was reserved can no longer be reserved.

    The lines are those of the reservation: who releases waits for whoever reserves the same products just now.
    """

    order_id: UUID
    lines: tuple[Line, ...]


class RestockReturn(Command):
    """Take the units of an order that left the warehouse back into it; once, however often it is asked.

    The lines are those of the reservation, for the same reason as in `ReleaseStock`.
    """

    order_id: UUID
    lines: tuple[Line, ...]


class ExpireReservations(Command):
    """Tell of every hold whose time is over. What becomes of it is the journey's decision."""

    at: AwareDatetime


class StockReserved(JourneyEvent):
    """Every line of the order is held."""

    expires_at: AwareDatetime


class StockUnavailable(JourneyEvent):
    """Nothing is held for the order: this product could not be."""

    product_id: UUID | None
    requested: int
    available: int


class StockReleased(JourneyEvent):
    """Nothing is held for the order any more."""


class StockReturned(JourneyEvent):
    """Every unit of the order is in its warehouse again."""


class ReservationExpired(JourneyEvent):
    """A hold of the order outlived its time and is still there."""


class ShowStock(Query):
    """Ask for the inventory's part of a product's read model."""

    product_id: UUID
