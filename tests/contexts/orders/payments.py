"""Payments as they stand after so much has been asked and answered."""

from uuid import UUID

from contexts.orders.gateway import Approved, Declined, GatewayRequest, Unknown
from contexts.orders.payment import Outcome, Payment, Payments
from tests.contexts.examples import NOW

ORDER = UUID(int=1)
HELD = Approved("txn_1", "visa", "4242")
DONE = Approved("txn_1")
NOTHING_THERE = Approved("")
DECLINED = Declined("insufficient_funds", "Your card has insufficient funds.")
UNKNOWN = Unknown("timed out")


def a_payment(amount_minor: int = 2498) -> Payment:
    return Payments(totals={ORDER: (amount_minor, "USD")}).of(ORDER)


def authorized(outcome: Outcome = HELD) -> Payment:
    payment = a_payment()
    payment.authorize("tok_visa", NOW)
    payment.authorized(outcome, NOW)
    return payment


def capturing() -> Payment:
    payment = authorized()
    payment.capture(NOW)
    return payment


def captured() -> Payment:
    payment = capturing()
    payment.captured(DONE, NOW)
    return payment


def reversed_(payment: Payment, outcome: Outcome = DONE) -> Payment:
    payment.reverse(NOW)
    assert payment.reversed(outcome, NOW)
    return payment


def asked(request: GatewayRequest | None) -> GatewayRequest:
    assert request is not None
    return request
