"""What orders (with payments) can be asked, and what they tell. Amounts are minor currency units."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from contexts.messages import Command, JourneyEvent, Query, Value
from contexts.reconciliation import Reconcile


class OrderLine(Value):
    """So many units of one product, as the customer asks. The price is not the customer's to say."""

    product_id: UUID
    quantity: Annotated[int, Field(gt=0, le=10_000)]


class PricedLine(Value):
    """A line as sold."""

    product_id: UUID
    sku: str
    name: str
    quantity: int
    unit_price_minor: int
    total_minor: int


class Address(Value):
    """A postal address. `country` is an ISO 3166-1 alpha-2 code."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    street: Annotated[str, Field(min_length=1, max_length=200)]
    city: Annotated[str, Field(min_length=1, max_length=100)]
    postal_code: Annotated[str, Field(min_length=1, max_length=20)]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    state: Annotated[str, Field(max_length=100)] = ""


class Customer(Value):
    """Who orders, and where the shop's mail goes."""

    id: UUID
    email: Annotated[str, Field(max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")]
    phone: Annotated[str, Field(max_length=32)] | None = None


class PaymentMethod(Value):
    """A card, named by the token that the gateway's vault gave for it; the number itself never comes here."""

    method: Annotated[str, Field(pattern=r"^card$")] = "card"
    token: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^(tok|pm)_[A-Za-z0-9_]+$")]


class PlaceOrder(Command):
    """Take an order: price it from the context's own copy of the catalogue and open it."""

    order_id: UUID
    customer: Customer
    currency: str
    lines: Annotated[tuple[OrderLine, ...], Field(min_length=1, max_length=100)]
    shipping_address: Address
    billing_address: Address
    shipping_method: Annotated[str, Field(max_length=50)] = "STANDARD"
    payment: PaymentMethod


class AuthorizePayment(Command, queue="payments"):
    """Have the order's total held on the customer's card."""

    order_id: UUID
    card_token: str


class CapturePayment(Command, queue="payments"):
    """Take the money that is held. Only journeys of version 1 ask so (`place_order_1.py`)."""

    order_id: UUID


class SettleOrder(Command, queue="payments"):
    """Everything else is done: take the money that is held, and close the order as fulfilled."""

    order_id: UUID


class ReversePayment(Command, queue="payments"):
    """Give the money back: void what is only held, refund what was taken. One that comes first forbids the rest."""

    order_id: UUID


class RefundPayment(Command, queue="payments"):
    """Give back what was taken for an order that returns."""

    order_id: UUID


class CompleteOrder(Command):
    """The money is taken: close the order as fulfilled. Only journeys of version 1 ask so (`place_order_1.py`)."""

    order_id: UUID


class RejectOrder(Command):
    """Everything is undone: close the order with the reason."""

    order_id: UUID
    reason: str


class ReturnOrder(Command):
    """A completed order came back: the money was given back, the goods are in the warehouse again. Close it as that."""

    order_id: UUID
    reason: str


class RefuseReturn(Command):
    """A completed order cannot come back, since the parcel cannot be stopped: tell the customer why."""

    order_id: UUID
    reason: str


class OrderPlaced(JourneyEvent):
    """An order is open and priced; its journey begins."""

    order_number: str
    customer_id: UUID
    lines: tuple[PricedLine, ...]
    total_minor: int
    currency: str
    shipping_address: Address
    shipping_method: str
    card_token: str


class PaymentAuthorized(JourneyEvent):
    """The order's total is held on the card (or there was nothing to pay)."""

    payment_id: UUID


class PaymentDeclined(JourneyEvent):
    """The card network said no, definitely."""

    payment_id: UUID
    code: str


class PaymentCaptured(JourneyEvent):
    """The money was taken. Only journeys of version 1 hear so (`place_order_1.py`)."""

    payment_id: UUID
    amount_minor: int


class PaymentReversed(JourneyEvent):
    """None of the customer's money is held or kept."""


class PaymentRefunded(JourneyEvent):
    """What was taken for the order was given back; 0 if nothing had been."""

    payment_id: UUID
    amount_minor: int


class OrderClosed(JourneyEvent):
    """What every end of an order tells: enough for a mail, nothing that needs a look-up."""

    order_number: str
    customer_id: UUID
    email: str
    total_minor: int
    currency: str
    lines: tuple[PricedLine, ...]


class OrderCompleted(OrderClosed):
    """The order is reserved and paid, and its parcel booked: the goods may leave."""


class OrderRejected(OrderClosed):
    """The order came to nothing, and nothing of it is left held or charged."""

    reason: str


class OrderReturned(OrderClosed):
    """A completed order came back: its money was given back and its goods are in the warehouse again."""

    reason: str


class ReturnRefused(OrderClosed):
    """A completed order cannot come back; it stays completed."""

    reason: str


class ShowOrder(Query):
    """Ask for an order with its lines, payments and events."""

    order_id: UUID


class ReconcilePayments(Reconcile, queue="payments"):
    """Compare a page of payments with the gateway's records."""
