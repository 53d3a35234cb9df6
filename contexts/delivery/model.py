"""Shipments: one an order, booked at the carrier under the shipment's own id, so that no label is bought twice."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from contexts.delivery.carrier import Booked, Cancelled, CarrierRequest, Operation, Refused, Unknown
from contexts.identity import part, within

Outcome = Booked | Cancelled | Refused | Unknown | None


class NotScheduled(Exception):
    """Raised when a parcel is to be recalled that the carrier never took: an operator has to see why."""


class Status(StrEnum):
    """Where a shipment stands. PENDING: the carrier was asked, or is about to be. RECALLED: stopped on its way."""

    PENDING = "PENDING"
    SCHEDULED = "SCHEDULED"
    REFUSED = "REFUSED"
    CANCELLED = "CANCELLED"
    RECALLED = "RECALLED"


#: No label is alive in these, and none will be.
DEAD = frozenset({Status.REFUSED, Status.CANCELLED, Status.RECALLED})


@dataclass(frozen=True, slots=True)
class TrackingEvent:
    """One thing that befell a parcel."""

    shipment_id: UUID
    kind: str
    description: str
    at: datetime

    @property
    def id(self) -> UUID:
        return within(self.shipment_id, f"{self.kind}/{self.at.isoformat()}")


@dataclass(slots=True)
class Shipment:
    """The parcel of one order.

    `recall_refusal` is the carrier's code if it was asked to stop the parcel and cannot, be it to cancel the order or
    to have it returned: the first definite answer holds, and the carrier is not asked again.
    """

    order_id: UUID
    carrier: str
    shipping_method: str
    shipping_address: dict[str, Any]
    pieces: int
    status: Status = Status.PENDING
    tracking_number: str | None = None
    estimated_delivery: date | None = None
    refusal_code: str | None = None
    attempts: int = 0
    version: int = 0
    shipped_at: datetime | None = None
    recall_refusal: str | None = None
    tracking: list[TrackingEvent] = field(default_factory=list)
    id: UUID = field(init=False)

    def __post_init__(self) -> None:
        """Name the shipment after its order."""
        self.id = shipment_id(self.order_id)

    def book(self) -> CarrierRequest | None:
        """Begin to book, or to ask again what became of it; None if the answer is known."""
        if self.status is not Status.PENDING:
            return None
        asked_before = self.attempts > 0
        self.attempts += 1
        self.version += 1
        return self._request(Operation.BOOK, asked_before)

    def booked(self, outcome: Outcome, now: datetime) -> None:
        """Record the outcome of a booking. One that comes after the cancellation stays cancelled at the carrier too."""
        if self.status is not Status.PENDING:
            return
        match outcome:
            case Booked():
                self.tracking_number, self.estimated_delivery = outcome.tracking_number, outcome.estimated_delivery
                self._become(Status.SCHEDULED)
                self.shipped_at = now
                self.tracking.append(TrackingEvent(self.id, "SCHEDULED", "The carrier will fetch the parcel", now))
            case Refused():
                self.refusal_code = outcome.code
                self._become(Status.REFUSED)

    def cancel(self) -> CarrierRequest | None:
        """Forbid the booking, and have what was booked cancelled; None if no label can be alive, or it cannot be done.

        Where the carrier refused that for a booking whose answer is not known, the booking is looked up.
        """
        if self.attempts == 0 and self.status is Status.PENDING:
            self._become(Status.CANCELLED)
        if self.status in DEAD:
            return None
        if self.recall_refusal is None:
            return self._request(Operation.CANCEL, asked_before=True)
        return self._request(Operation.BOOK, asked_before=True) if self.status is Status.PENDING else None

    def cancelled(self, outcome: Outcome, now: datetime) -> bool:
        """Record the outcome of a cancellation; return whether it is known: no label is alive, or it stays SCHEDULED.

        A refused one of a booking whose answer is not known is not over until the booking is adopted.
        """
        # While the booking is looked up, a refusal may be the answer to another copy of the command, asked before: so
        # only a booking, or a cancellation, ends the search.
        match outcome:
            case Cancelled() if self.status is Status.PENDING or self._may_be_stopped:
                self._become(Status.CANCELLED)
                self.recall_refusal = None
                self.tracking.append(TrackingEvent(self.id, "CANCELLED", "The shipment was cancelled", now))
            case Refused() if self.status not in DEAD and self.recall_refusal is None:
                self._refuse_recall(outcome)
            case Booked():
                self.booked(outcome, now)
        return self.status in DEAD or self.cannot_be_stopped

    def recall(self) -> CarrierRequest | None:
        """Have the carrier stop the parcel; None if it said whether it can. Raises `NotScheduled`."""
        if self.status not in (Status.SCHEDULED, Status.RECALLED):
            raise NotScheduled(f"shipment {self.id} is {self.status}")
        if not self._may_be_stopped:
            return None
        return self._request(Operation.CANCEL, asked_before=True)

    def recalled(self, outcome: Outcome, now: datetime) -> bool:
        """Record the outcome of a recall; return whether it is known. The first definite answer holds."""
        if self._may_be_stopped:
            if isinstance(outcome, Cancelled):
                self._become(Status.RECALLED)
                self.tracking.append(TrackingEvent(self.id, "RECALLED", "The parcel was stopped and comes back", now))
            elif isinstance(outcome, Refused):
                self._refuse_recall(outcome)
        return self.status is Status.RECALLED or self.recall_refusal is not None

    @property
    def cannot_be_stopped(self) -> bool:
        """Whether the parcel is on its way for good: booked, and the carrier said that it cannot stop it."""
        return self.status is Status.SCHEDULED and self.recall_refusal is not None

    @property
    def _may_be_stopped(self) -> bool:
        return self.status is Status.SCHEDULED and self.recall_refusal is None

    def _refuse_recall(self, refusal: Refused) -> None:
        self.recall_refusal = refusal.code
        self.version += 1

    def _request(self, operation: Operation, asked_before: bool) -> CarrierRequest:
        address = {name: str(value) for name, value in self.shipping_address.items()}
        return CarrierRequest(
            operation, self.id, self.order_id, self.shipping_method, address, self.pieces, asked_before
        )

    def _become(self, status: Status) -> None:
        self.status = status
        self.version += 1


@dataclass
class Shipments:
    """The shipments that a batch of messages is about, in memory, by order."""

    shipments: dict[UUID, Shipment] = field(default_factory=dict)
    carrier: str = "sandbox"

    def of(self, order_id: UUID, method: str = "", address: dict[str, Any] | None = None, pieces: int = 1) -> Shipment:
        """Return the shipment of an order, begun if there is none."""
        shipment = self.shipments.get(order_id)
        if shipment is None:
            shipment = self.shipments[order_id] = Shipment(order_id, self.carrier, method, address or {}, pieces)
        return shipment

    def booked(self, order_id: UUID) -> Shipment:
        """Return the shipment of an order that must have one; raises `NotScheduled`."""
        try:
            return self.shipments[order_id]
        except KeyError:
            raise NotScheduled(f"order {order_id} has no shipment") from None


def shipment_id(order_id: UUID) -> UUID:
    """Name the shipment of an order."""
    return part(order_id, "shipment")
