"""Payments: one an order, each step asked of the gateway under its own key, so that nothing is charged twice."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from contexts.identity import part
from contexts.orders.gateway import Approved, Declined, GatewayRequest, Operation, Unknown
from contexts.orders.model import OrderEvent, WrongState

Outcome = Approved | Declined | Unknown


class Status(StrEnum):
    """The life of a payment. UNKNOWN: the gateway's answer to the authorisation was lost; it is asked again."""

    CREATED = "CREATED"
    AUTHORIZING = "AUTHORIZING"
    AUTHORIZED = "AUTHORIZED"
    CAPTURING = "CAPTURING"
    CAPTURED = "CAPTURED"
    REFUNDED = "REFUNDED"
    VOIDED = "VOIDED"
    DECLINED = "DECLINED"
    UNKNOWN = "UNKNOWN"


#: Nothing is held or kept in these, and nothing will be.
OVER = frozenset({Status.DECLINED, Status.VOIDED, Status.REFUNDED})


@dataclass(slots=True)
class Payment:
    """The payment of one order. Amounts are minor currency units."""

    order_id: UUID
    amount_minor: int
    currency: str
    status: Status = Status.CREATED
    transaction_id: str | None = None
    card_brand: str | None = None
    card_last_four: str | None = None
    captured_minor: int = 0
    refunded_minor: int = 0
    failure_code: str | None = None
    attempts: int = 0
    version: int = 0
    events: list[OrderEvent] = field(default_factory=list)
    id: UUID = field(init=False)

    def __post_init__(self) -> None:
        """Name the payment after its order."""
        self.id = payment_id(self.order_id)

    @property
    def was_captured(self) -> bool:
        """Whether the money was taken, whatever became of it then."""
        return self.status in (Status.CAPTURED, Status.REFUNDED)

    def authorize(self, card_token: str, now: datetime) -> GatewayRequest | None:
        """Begin to hold the amount, or to ask again what became of it; None where there is nothing (more) to ask."""
        if self.status is Status.CREATED and self.amount_minor == 0:
            self._become(Status.AUTHORIZED, now)
        if self.status not in (Status.CREATED, Status.AUTHORIZING, Status.UNKNOWN):
            return None
        asked_before = self.status is not Status.CREATED
        self.attempts += 1
        self._become(Status.AUTHORIZING, now)
        return self._request(Operation.AUTHORIZE, card_token=card_token, asked_before=asked_before)

    def authorized(self, outcome: Outcome | None, now: datetime) -> None:
        """Record the outcome of an authorisation; one that comes after the void, or may have, is to be voided."""
        match outcome:
            case Approved() if self.status in (Status.AUTHORIZING, Status.UNKNOWN, Status.VOIDED):
                self.transaction_id = outcome.transaction_id
                self.card_brand, self.card_last_four = outcome.card_brand, outcome.card_last_four
                self._become(Status.AUTHORIZED, now)
            case Declined() if self.status in (Status.AUTHORIZING, Status.UNKNOWN):
                self.failure_code = outcome.code
                self._become(Status.DECLINED, now)
            case Unknown() if self.status is Status.AUTHORIZING:
                self._become(Status.UNKNOWN, now)
            case Unknown() | None if self.status is Status.VOIDED and self.attempts and self.transaction_id is None:
                # It was asked for, and nobody heard the answer: the void may have found nothing because it came first.
                self._become(Status.UNKNOWN, now)

    def capture(self, now: datetime) -> GatewayRequest | None:
        """Begin to take the money; None if it was taken, also if it was given back since. Raises `WrongState`."""
        if self.status is Status.AUTHORIZED and self.amount_minor == 0:
            self._become(Status.CAPTURED, now)
        if self.was_captured:
            return None
        if self.status not in (Status.AUTHORIZED, Status.CAPTURING):
            raise WrongState(f"payment {self.id} is {self.status}, it cannot be captured")
        asked_before = self.status is Status.CAPTURING
        self._become(Status.CAPTURING, now)
        return self._request(Operation.CAPTURE, asked_before=asked_before)

    def captured(self, outcome: Outcome | None, now: datetime) -> None:
        """Record the outcome of a capture; raises `WrongState` if the gateway declined it: that is an operator's."""
        if isinstance(outcome, Declined):
            raise WrongState(f"the gateway declined to capture payment {self.id}: {outcome.code}: {outcome.reason}")
        if isinstance(outcome, Approved) and self.status is Status.CAPTURING:
            self.captured_minor = self.amount_minor
            self._become(Status.CAPTURED, now)

    def refund(self, now: datetime) -> GatewayRequest | None:
        """Begin to give back what was taken; None if it was given back, or nothing had been taken.

        Raises `WrongState` for a payment that was never captured. An answer may have been lost before: nothing is
        written when the gateway is asked, so it is always looked up first.
        """
        if not self.was_captured:
            raise WrongState(f"payment {self.id} is {self.status}, it cannot be refunded")
        if self.status is Status.CAPTURED and self.captured_minor == 0:
            self._become(Status.REFUNDED, now)
        return None if self.status is Status.REFUNDED else self._request(Operation.REFUND, asked_before=True)

    def refunded(self, outcome: Outcome | None, now: datetime) -> bool:
        """Record the outcome of a refund; return whether the money is back.

        Raises `WrongState` if the gateway declined it: that is an operator's.
        """
        if isinstance(outcome, Declined) and self.status is Status.CAPTURED:
            raise WrongState(f"the gateway declined to refund payment {self.id}: {outcome.code}: {outcome.reason}")
        if isinstance(outcome, Approved) and self.status is Status.CAPTURED:
            self.refunded_minor = self.captured_minor
            self._become(Status.REFUNDED, now)
        return self.status is Status.REFUNDED

    def reverse(self, now: datetime) -> GatewayRequest | None:
        """Begin to give the money back; None where none is held or kept. No authorisation can follow."""
        if self.status is Status.CREATED or (self.amount_minor == 0 and self.status not in OVER):
            self._become(Status.VOIDED, now)
        if self.status in OVER:
            return None
        operation = Operation.REFUND if self.status is Status.CAPTURED else Operation.VOID
        return self._request(operation, asked_before=True)

    def reversed(self, outcome: Outcome | None, now: datetime) -> bool:
        """Record the outcome of a reversal; return whether the money is back."""
        if self.status in OVER:
            return True
        if isinstance(outcome, Approved) and self.status is Status.CAPTURED:
            self.refunded_minor = self.captured_minor
            self._become(Status.REFUNDED, now)
        elif isinstance(outcome, Approved) and self.transaction_id in (None, outcome.transaction_id):
            # A void that found nothing says nothing of a hold that was heard of meanwhile.
            self._become(Status.VOIDED, now)
        elif isinstance(outcome, Declined) and self.status is Status.CAPTURING:
            # It cannot be voided because the lost capture was done: then it is to be refunded.
            self.captured_minor = self.amount_minor
            self._become(Status.CAPTURED, now)
        elif isinstance(outcome, Declined):
            raise WrongState(f"the gateway declined to reverse payment {self.id}: {outcome.code}: {outcome.reason}")
        return self.status in OVER

    def _request(
        self, operation: Operation, card_token: str | None = None, asked_before: bool = False
    ) -> GatewayRequest:
        return GatewayRequest(
            operation,
            part(self.id, operation.value),
            self.id,
            self.order_id,
            self.amount_minor,
            self.currency,
            card_token,
            self.transaction_id,
            asked_before,
        )

    def _become(self, status: Status, now: datetime) -> None:
        if status is self.status:
            return
        self.status = status
        self.version += 1
        payload: dict[str, Any] = {
            "status": status.value,
            "transaction_id": self.transaction_id,
            "captured_minor": self.captured_minor,
            "refunded_minor": self.refunded_minor,
            "failure_code": self.failure_code,
        }
        kind = "Payment" + status.value.title()
        self.events.append(OrderEvent(self.order_id, self.id, kind, self.version, payload, now))


@dataclass
class Payments:
    """The payments that a batch of messages is about, in memory; `totals` are of orders without a payment yet."""

    payments: dict[UUID, Payment] = field(default_factory=dict)
    totals: dict[UUID, tuple[int, str]] = field(default_factory=dict)

    def of(self, order_id: UUID) -> Payment:
        """Return the payment of an order, begun if there is none; raises `WrongState` if there is no order."""
        payment = self.payments.get(order_id)
        if payment is None:
            if order_id not in self.totals:
                raise WrongState(f"order {order_id} was never placed")
            payment = self.payments[order_id] = Payment(order_id, *self.totals[order_id])
        return payment


def payment_id(order_id: UUID) -> UUID:
    """Name the payment of an order."""
    return part(order_id, "payment")
