"""The payment gateway as the orders context sees it: requests in, one outcome each, faults told apart from refusals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True, slots=True)
class Charge:
    """One payment as the gateway has it; an attempt that came to nothing has no amounts. Minor currency units.

    `held_minor` is what is held now; `captured_minor` stays after a refund.
    """

    payment_id: UUID
    order_id: UUID
    transaction_id: str
    currency: str
    held_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0


@dataclass(frozen=True, slots=True)
class ChargeReference:
    """A payment and the gateway's names of it, as far as they are known."""

    payment_id: UUID
    transaction_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChargesOf:
    """Asks for all charges of these payments."""

    references: tuple[ChargeReference, ...]


@dataclass(frozen=True, slots=True)
class ChargesBetween:
    """Asks for a page of the charges that were made in [`since`, `until`); `after` is where it begins, "" at first.

    A gateway whose list knows no time lists from `after` on, whatever the window.
    """

    since: datetime
    until: datetime
    after: str
    limit: int


@dataclass(frozen=True, slots=True)
class ChargePage:
    """Charges; `next` is where the next page begins, None after the last.

    `end` is where a list that only grows has ended, so that a later look can begin there; "" where time tells.
    """

    charges: tuple[Charge, ...]
    next: str | None = None
    end: str = ""


class PaymentGateway(Protocol):
    """A card network's front desk."""

    def perform(self, requests: Sequence[GatewayRequest]) -> Sequence[Approved | Declined | Unknown]:
        """Perform each request and return its outcome, in the order of the requests.

        Raises nothing for what one request meets: a fault is an `Unknown` outcome of that request.
        """
        ...

    def report(self, asked: ChargesOf | ChargesBetween) -> ChargePage | Unknown:
        """Tell what the gateway's own records say; of payments that it does not know, nothing. Raises nothing."""
        ...
