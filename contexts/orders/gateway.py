"""The payment gateway as the orders context sees it: requests in, one outcome each, faults told apart from refusals."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class Operation(StrEnum):
    """What a payment gateway can be asked to do with one payment."""

    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class GatewayRequest:
    """One operation on one payment. Amounts are minor currency units (cents).

    `idempotency_key` names the attempt: the same key asks about the same attempt and never starts a second one.
    `transaction_id` is the gateway's own name of the payment; an authorisation has none yet.
    `asked_before` says that an earlier answer was lost: look the attempt up before performing it.
    """

    operation: Operation
    idempotency_key: UUID
    payment_id: UUID
    order_id: UUID
    amount_minor: int
    currency: str
    card_token: str | None = None
    transaction_id: str | None = None
    asked_before: bool = False


@dataclass(frozen=True, slots=True)
class Approved:
    """The gateway did it. Brand and last four digits are told with an authorisation only."""

    transaction_id: str
    card_brand: str | None = None
    card_last_four: str | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """The gateway says no, definitely: nothing was and nothing will be charged under this key."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Time-out, reset, 5xx or conflict: the gateway may have done it. Ask again under the same key."""

    reason: str


class PaymentGateway(Protocol):
    """A card network's front desk."""

    def perform(self, requests: Sequence[GatewayRequest]) -> Sequence[Approved | Declined | Unknown]:
        """Perform each request and return its outcome, in the order of the requests.

        Raises nothing for what one request meets: a fault is an `Unknown` outcome of that request.
        """
        ...
