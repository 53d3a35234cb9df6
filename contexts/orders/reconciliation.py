"""Payments against the gateway's charges: where the two differ, and which difference a reversal mends. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from contexts.orders.gateway import Approved, Charge
from contexts.orders.payment import Payment, Status
from contexts.reconciliation import Difference, Kind

#: A payment in these waits for an answer.
UNFINISHED = frozenset({Status.AUTHORIZING, Status.CAPTURING, Status.UNKNOWN})


class Money(StrEnum):
    """Where a payment's money is."""

    WITH_CUSTOMER = "with customer"
    HELD = "held"
    TAKEN = "taken"
    GIVEN_BACK = "given back"


@dataclass(frozen=True, slots=True)
class PaymentRecord:
    """A payment as our table has it. Amounts are minor currency units."""

    payment_id: UUID
    order_id: UUID
    status: Status
    transaction_id: str | None
    currency: str
    amount_minor: int
    captured_minor: int
    refunded_minor: int
    changed_at: datetime

    @property
    def held_minor(self) -> int:
        """What should be held at the gateway now."""
        return self.amount_minor if self.status is Status.AUTHORIZED else 0


def differences(ours: PaymentRecord | None, charges: Sequence[Charge], *, complete: bool) -> Iterator[Difference]:
    """Yield where one payment's record and its charges differ; `complete`: these are all that the gateway has."""
    if ours is None:
        yield from (_of(None, charge, Kind.MISSING_HERE) for charge in charges if _keeps(charge))
        return
    own = _own_charge(ours, charges)
    if ours.status in UNFINISHED:
        yield _of(ours, own, Kind.UNFINISHED)
    elif own is not None:
        yield from _between(ours, own)
    elif complete and _money(ours) is not Money.WITH_CUSTOMER:
        yield _of(ours, None, Kind.MISSING_THERE)
    yield from (_of(ours, one, Kind.OTHER_TRANSACTION) for one in charges if one is not own and _keeps(one))


def adopt(payment: Payment, transaction_id: str, now: datetime) -> bool:
    """Take over a hold that the gateway still has for a voided payment, so that its reversal can name it.

    Returns whether there is a hold to reverse now.
    """
    if payment.status is not Status.VOIDED:
        return False
    payment.authorized(Approved(transaction_id, payment.card_brand, payment.card_last_four), now)
    return True


def _own_charge(ours: PaymentRecord, charges: Sequence[Charge]) -> Charge | None:
    """Return the charge that our record means: of the same name, or, while it knows none, the one with the money."""
    if ours.transaction_id:
        return next((one for one in charges if one.transaction_id == ours.transaction_id), None)
    return min(charges, key=lambda one: not _keeps(one), default=None)


def _between(ours: PaymentRecord, theirs: Charge) -> Iterator[Difference]:
    if _money(ours) is not _money(theirs):
        mendable = ours.status is Status.VOIDED and _money(theirs) is Money.HELD
        yield _of(ours, theirs, Kind.DIFFERENT_STATE, mendable=mendable)
    elif _has_moved(theirs) and _amounts(ours) != _amounts(theirs):
        yield _of(ours, theirs, Kind.DIFFERENT_AMOUNT)


def _money(side: PaymentRecord | Charge) -> Money:
    if side.held_minor > 0:
        return Money.HELD
    if side.captured_minor <= 0:
        return Money.WITH_CUSTOMER
    return Money.TAKEN if side.captured_minor > side.refunded_minor else Money.GIVEN_BACK


def _keeps(charge: Charge) -> bool:
    return _money(charge) in (Money.HELD, Money.TAKEN)


def _has_moved(charge: Charge) -> bool:
    return _money(charge) is not Money.WITH_CUSTOMER


def _amounts(side: PaymentRecord | Charge) -> tuple[str, int, int, int]:
    return side.currency, side.held_minor, side.captured_minor, side.refunded_minor


def _of(ours: PaymentRecord | None, theirs: Charge | None, kind: Kind, *, mendable: bool = False) -> Difference:
    subject = ours or theirs
    assert subject is not None
    return Difference(
        subject.payment_id,
        subject.order_id,
        kind,
        None if ours is None else {"status": ours.status.value, "amount_minor": ours.amount_minor, **_told(ours)},
        None if theirs is None else {"money": _money(theirs).value, **_told(theirs)},
        mendable,
    )


def _told(side: PaymentRecord | Charge) -> dict[str, Any]:
    names = ("transaction_id", "currency", "held_minor", "captured_minor", "refunded_minor")
    return {name: getattr(side, name) for name in names}
