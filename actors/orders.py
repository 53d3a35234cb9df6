"""The actors of orders and payments."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from actors.gateways.payment import payment_gateway_from_environment
from actors.runtime.context import Context
from actors.runtime.handlers import TryAgain
from contexts.catalog.messages import ProductChanged
from contexts.messages import Message
from contexts.orders.gateway import Approved, Declined, GatewayRequest, Unknown
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
    PlaceOrder,
    RejectOrder,
    ReversePayment,
    ShowOrder,
)
from contexts.orders.model import Orders
from contexts.orders.payment import OVER, Payments, Status
from contexts.views import View
from persistence.order_views import OrderViews
from persistence.orders import OrderTables
from persistence.payments import PaymentTables
from persistence.postgres_store import PostgresStore

Outcome = Approved | Declined | Unknown | None

ORDERS = Context(
    "orders",
    store=PostgresStore,
    repositories={Orders: OrderTables, Payments: PaymentTables, OrderViews: OrderViews},
)


@cache
def gateway() -> Any:
    """The payment gateway's front desk, one a process."""
    return payment_gateway_from_environment().perform


@ORDERS.actor
def product_changed(event: ProductChanged, orders: Orders) -> None:
    """Keep a copy of the catalog's prices: an order is priced here, whatever becomes of the catalog."""
    orders.copy_prices(event)


@ORDERS.actor
def place_order(command: PlaceOrder, orders: Orders) -> Iterable[OrderPlaced | OrderRejected]:
    """Price an order and open it, or say at once why it cannot be sold."""
    yield orders.place(command, datetime.now(UTC))


@ORDERS.actor
def complete_order(command: CompleteOrder, orders: Orders) -> Iterable[OrderCompleted]:
    """Close an order as fulfilled."""
    yield orders.get(command.order_id).complete(datetime.now(UTC))


@ORDERS.actor
def reject_order(command: RejectOrder, orders: Orders) -> Iterable[OrderRejected]:
    """Close an order as undone."""
    yield orders.get(command.order_id).reject(command.reason, datetime.now(UTC))


@ORDERS.asks(gateway)
def authorize_payment(command: AuthorizePayment, payments: Payments) -> GatewayRequest | None:
    """Record the attempt to hold the order's total."""
    return payments.of(command.order_id).authorize(command.card_token, datetime.now(UTC))


@ORDERS.concludes(authorize_payment)
def payment_authorized(command: AuthorizePayment, outcome: Outcome, payments: Payments) -> Iterable[Message]:
    """Tell whether the total is held. A hold that came, or may have, after the payment was given up is given back."""
    payment = payments.of(command.order_id)
    given_up = payment.status is Status.VOIDED
    payment.authorized(outcome, datetime.now(UTC))
    if given_up and payment.status is not Status.VOIDED:
        yield ReversePayment(order_id=command.order_id)
    elif payment.status is Status.UNKNOWN:
        raise TryAgain(f"authorisation of payment {payment.id} is unknown: {outcome}")
    elif payment.status in OVER:
        yield PaymentDeclined(order_id=command.order_id, payment_id=payment.id, code=payment.failure_code or "reversed")
    else:
        yield PaymentAuthorized(order_id=command.order_id, payment_id=payment.id)


@ORDERS.asks(gateway)
def capture_payment(command: CapturePayment, payments: Payments) -> GatewayRequest | None:
    """Record the attempt to take the money."""
    return payments.of(command.order_id).capture(datetime.now(UTC))


@ORDERS.concludes(capture_payment)
def payment_captured(command: CapturePayment, outcome: Outcome, payments: Payments) -> Iterable[PaymentCaptured]:
    """Tell that the money was taken."""
    payment = payments.of(command.order_id)
    payment.captured(outcome, datetime.now(UTC))
    if payment.status is not Status.CAPTURED:
        raise TryAgain(f"capture of payment {payment.id} is unknown: {outcome}")
    yield PaymentCaptured(order_id=command.order_id, payment_id=payment.id, amount_minor=payment.captured_minor)


@ORDERS.asks(gateway)
def reverse_payment(command: ReversePayment, payments: Payments) -> GatewayRequest | None:
    """Forbid every further step of the payment, and have what is held or taken given back."""
    return payments.of(command.order_id).reverse(datetime.now(UTC))


@ORDERS.concludes(reverse_payment)
def payment_reversed(command: ReversePayment, outcome: Outcome, payments: Payments) -> Iterable[PaymentReversed]:
    """Tell that none of the customer's money is held or kept."""
    payment = payments.of(command.order_id)
    if not payment.reversed(outcome, datetime.now(UTC)):
        raise TryAgain(f"reversal of payment {payment.id} is not done: {outcome}")
    yield PaymentReversed(order_id=command.order_id)


@ORDERS.query
def show_order(query: ShowOrder, views: OrderViews) -> View | None:
    """Show an order with its lines, payments and events."""
    return views.view(query.order_id)
