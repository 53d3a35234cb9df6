"""The kinds of journey that an order can have: how each is brought about, and how it must end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from contexts.coordination.messages import CancelOrder, ResumeJourney, RetryStep, ReverseJourney
from contexts.coordination.place_order import PLACE_ORDER
from contexts.delivery.messages import CancelShipment
from contexts.inventory.messages import ReservationExpired
from contexts.messages import Message
from contexts.orders.messages import Address, PlaceOrder

from .shop import DECLINED_CARD, GOOD_CARD, HOME, UNSERVED, Shop

#: An order's id -> what somebody outside says about the order.
Saying = Callable[[UUID], Message]


@dataclass(frozen=True, slots=True)
class Kind:
    """Orders that all go the same way, to the same end.

    Without `afterwards` the journey in question begins with the order; else with what is said of it when its first
    journey is over, or stands `at` a step whose answer was lost. Under an earlier `version` than the newest it is as if
    the journey had begun before the upgrade; what the versions have in common ends at the step that it stands at.
    """

    name: str
    ends: str
    reason: str | None = None
    units: int = 1
    card: str = GOOD_CARD
    to: Address = HOME
    afterwards: Sequence[Saying] = ()
    at: str | None = None
    version: int = PLACE_ORDER.version

    def order(self, product_id: UUID) -> PlaceOrder:
        """Return a new order of this kind."""
        return Shop.order(product_id, self.units, self.card, self.to)

    def beginning(self, order: PlaceOrder) -> list[Message]:
        """Return what begins the journey in question."""
        return [say(order.order_id) for say in self.afterwards] or [order]


#: More than there ever is of the product that these tests order.
TOO_MANY = 10_000

#: The carrier has the parcel of this address on its way at once, and cannot stop it.
UNSTOPPABLE = HOME.model_copy(update={"postal_code": "TRANSIT"})

#: The carrier books the parcel to this address, and the card network holds the amount; neither is ever heard to say so.
UNHEARD = HOME.model_copy(update={"postal_code": "SILENT"})
UNHEARD_CARD = "tok_silent_visa"

#: Booked and on its way, which is heard only from whoever wants it stopped.
UNHEARD_AND_UNSTOPPABLE = HOME.model_copy(update={"postal_code": "SILENT TRANSIT"})

OPERATOR = {"by": "olga", "why": "the customer rang"}


def cancelled(order_id: UUID) -> CancelOrder:
    """Say what its customer says of an order that is not wanted any more."""
    return CancelOrder(order_id=order_id)


def reversed_by_an_operator(order_id: UUID) -> ReverseJourney:
    """Say what an operator says of a journey that is to be undone."""
    return ReverseJourney(order_id=order_id, **OPERATOR)


KINDS = (
    Kind("completed", ends="COMPLETED"),
    Kind("stock refused", ends="REJECTED", reason="reserve_refused", units=TOO_MANY),
    Kind("payment refused", ends="REJECTED", reason="pay_refused", card=DECLINED_CARD),
    Kind("delivery refused", ends="REJECTED", reason="ship_refused", to=UNSERVED),
    Kind("returned", ends="RETURNED", afterwards=(cancelled,)),
    Kind(
        "return refused",
        ends="COMPLETED",
        to=UNSTOPPABLE,
        afterwards=(cancelled,),
    ),
    Kind(
        "spoken of when it is over",
        ends="REJECTED",
        reason="ship_refused",
        to=UNSERVED,
        afterwards=(
            lambda order_id: CancelShipment(order_id=order_id),
            lambda order_id: ReservationExpired(order_id=order_id),
            cancelled,
            lambda order_id: ResumeJourney(order_id=order_id, **OPERATOR),
            lambda order_id: RetryStep(order_id=order_id, **OPERATOR),
            reversed_by_an_operator,
        ),
    ),
    Kind(
        "reversed at ship",
        ends="REJECTED",
        reason="reversed",
        to=UNHEARD,
        afterwards=(reversed_by_an_operator,),
        at="ship",
    ),
    Kind(
        "reversed too late",
        ends="COMPLETED",
        to=UNHEARD_AND_UNSTOPPABLE,
        afterwards=(reversed_by_an_operator,),
        at="ship",
    ),
    Kind(
        "begun under version 1",
        ends="COMPLETED",
        to=UNHEARD_AND_UNSTOPPABLE,
        afterwards=(reversed_by_an_operator,),
        at="ship",
        version=1,
    ),
    Kind(
        "cancelled at pay",
        ends="REJECTED",
        reason="cancelled",
        card=UNHEARD_CARD,
        afterwards=(cancelled,),
        at="pay",
    ),
)
