"""The actors of payments: part of the orders context and its database, with a queue and processes of their own.

A card network may take its time; orders are placed and closed meanwhile.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from actors.gateways.payment import payment_gateway_from_environment
from actors.runtime.context import SIDE_BY_SIDE, Context
from actors.runtime.handlers import TryAgain
from contexts.messages import Message
from contexts.orders.gateway import Approved, Declined, GatewayRequest, Unknown
from contexts.orders.messages import (
    AuthorizePayment,
    CapturePayment,
    OrderCompleted,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentReversed,
    RefundPayment,
    ReversePayment,
    SettleOrder,
)
from contexts.orders.payment import OVER, Payment, Payments, Status
from contexts.orders.settlement import Settlements
from persistence.payments import PaymentTables
from persistence.postgres_store import PostgresStore
from persistence.settlements import SettlementTables

Outcome = Approved | Declined | Unknown | None

PAYMENTS = Context("orders", store=PostgresStore, repositories={Payments: PaymentTables, Settlements: SettlementTables})


@cache
def gateway() -> Any:
    """The payment gateway's front desk, one a process."""
    return payment_gateway_from_environment().perform


@PAYMENTS.asks(gateway, at_once=SIDE_BY_SIDE)
def authorize_payment(command: AuthorizePayment, payments: Payments) -> GatewayRequest | None:
    """Record the attempt to hold the order's total."""
    return payments.of(command.order_id).authorize(command.card_token, datetime.now(UTC))


@PAYMENTS.concludes(authorize_payment)
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


@PAYMENTS.asks(gateway, at_once=SIDE_BY_SIDE)
def settle_order(command: SettleOrder, payments: Payments) -> GatewayRequest | None:
    """Record the attempt to take the money."""
    return payments.of(command.order_id).capture(datetime.now(UTC))


@PAYMENTS.concludes(settle_order)
def order_settled(command: SettleOrder, outcome: Outcome, settlements: Settlements) -> Iterable[OrderCompleted]:
    """Close the order as fulfilled with the money taken, or neither."""
    taken(settlements.payments.of(command.order_id), outcome)
    yield settlements.orders.get(command.order_id).complete(datetime.now(UTC))


@PAYMENTS.asks(gateway)
def capture_payment(command: CapturePayment, payments: Payments) -> GatewayRequest | None:
    """Record the attempt to take the money for a journey of version 1."""
    return payments.of(command.order_id).capture(datetime.now(UTC))


@PAYMENTS.concludes(capture_payment)
def payment_captured(command: CapturePayment, outcome: Outcome, payments: Payments) -> Iterable[PaymentCaptured]:
    """Tell that the money was taken."""
    payment = taken(payments.of(command.order_id), outcome)
    yield PaymentCaptured(order_id=command.order_id, payment_id=payment.id, amount_minor=payment.captured_minor)


@PAYMENTS.asks(gateway)
def refund_payment(command: RefundPayment, payments: Payments) -> GatewayRequest | None:
    """Have the money of an order that returns given back."""
    return payments.of(command.order_id).refund(datetime.now(UTC))


@PAYMENTS.concludes(refund_payment)
def payment_refunded(command: RefundPayment, outcome: Outcome, payments: Payments) -> Iterable[PaymentRefunded]:
    """Tell how much was given back."""
    payment = payments.of(command.order_id)
    if not payment.refunded(outcome, datetime.now(UTC)):
        raise TryAgain(f"refund of payment {payment.id} is unknown: {outcome}")
    yield PaymentRefunded(order_id=command.order_id, payment_id=payment.id, amount_minor=payment.refunded_minor)


@PAYMENTS.asks(gateway)
def reverse_payment(command: ReversePayment, payments: Payments) -> GatewayRequest | None:
    """Forbid every further step of the payment, and have what is held or taken given back."""
    return payments.of(command.order_id).reverse(datetime.now(UTC))


@PAYMENTS.concludes(reverse_payment)
def payment_reversed(command: ReversePayment, outcome: Outcome, payments: Payments) -> Iterable[PaymentReversed]:
    """Tell that none of the customer's money is held or kept."""
    payment = payments.of(command.order_id)
    if not payment.reversed(outcome, datetime.now(UTC)):
        raise TryAgain(f"reversal of payment {payment.id} is not done: {outcome}")
    yield PaymentReversed(order_id=command.order_id)


def taken(payment: Payment, outcome: Outcome) -> Payment:
    """Return the payment with its money taken; raises `TryAgain` as long as nobody knows."""
    payment.captured(outcome, datetime.now(UTC))
    if not payment.was_captured:
        raise TryAgain(f"capture of payment {payment.id} is unknown: {outcome}")
    return payment


import actors.payment_reconciliation  # noqa: E402, F401 - one more of this context's actors
