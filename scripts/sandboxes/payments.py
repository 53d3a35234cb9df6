"""One payment at the sandbox gateway, and the sums over all of them. Amounts are minor currency units."""

from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """How far a payment has come."""

    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"


@dataclass(slots=True)
class Payment:
    """An amount that was held on a card, and what became of it."""

    payment_id: str
    order_id: str
    transaction_id: str
    currency: str
    card_brand: str
    card_last_four: str
    authorized_minor: int
    captured_minor: int = 0
    refunded_minor: int = 0
    state: State = State.AUTHORIZED

    @property
    def refundable_minor(self) -> int:
        """What was taken and not given back yet."""
        return self.captured_minor - self.refunded_minor


@dataclass(slots=True)
class Totals:
    """Counts and sums over all payments, whatever their currency.

    authorized = held + captured + released + voided. `released_minor` is what a capture of less than was held let go.
    `declined` counts authorisations that were refused; they are not payments.
    """

    payments: int = 0
    declined: int = 0
    authorized_minor: int = 0
    held_minor: int = 0
    captured_minor: int = 0
    released_minor: int = 0
    voided_minor: int = 0
    refunded_minor: int = 0
    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(map(str, State), 0))

    def authorized(self, payment: Payment) -> None:
        """Count a new payment."""
        self.payments += 1
        self.authorized_minor += payment.authorized_minor
        self.held_minor += payment.authorized_minor
        self.states[payment.state] += 1

    def moved(self, payment: Payment, state: State) -> None:
        """Move the payment to its next state, and its count with it."""
        self.states[payment.state] -= 1
        self.states[state] += 1
        payment.state = state
