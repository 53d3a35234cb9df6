"""The carrier as the delivery context sees it: bookings and cancellations in, one outcome each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class Operation(StrEnum):
    """What a carrier can be asked to do with one shipment."""

    BOOK = "book"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class CarrierRequest:
    """One operation on one shipment.

    `shipment_id` is the carrier's `reference`: one reference never buys two labels.
    `asked_before` says that an earlier answer was lost: look the reference up before booking.
    """

    operation: Operation
    shipment_id: UUID
    order_id: UUID
    shipping_method: str
    shipping_address: Mapping[str, str]
    pieces: int
    asked_before: bool = False


@dataclass(frozen=True, slots=True)
class Booked:
    """The carrier will fetch the parcel."""

    tracking_number: str
    estimated_delivery: date


@dataclass(frozen=True, slots=True)
class Cancelled:
    """No label is alive under this reference: it was voided, or there never was one."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The carrier says no, definitely: nothing was booked under this reference, or it can no longer be cancelled."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Time-out, reset or 5xx: the carrier may have done it. Ask again under the same reference."""

    reason: str


@dataclass(frozen=True, slots=True)
class Label:
    """One shipment as the carrier has it: `alive` until it was cancelled, never so where it was refused."""

    shipment_id: UUID
    order_id: UUID | None
    alive: bool
    tracking_number: str | None = None


@dataclass(frozen=True, slots=True)
class LabelsOf:
    """Asks for the labels of these shipments."""

    shipment_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class LabelsBetween:
    """Asks for a page of the labels whose reference was first used in [`since`, `until`); "" begins the first page.

    A carrier whose list knows no time lists from `after` on, whatever the window.
    """

    since: datetime
    until: datetime
    after: str
    limit: int


@dataclass(frozen=True, slots=True)
class LabelPage:
    """Labels; `next` is where the next page begins, None after the last.

    `end` is where a list that only grows has ended, so that a later look can begin there; "" where time tells.
    """

    labels: tuple[Label, ...]
    next: str | None = None
    end: str = ""


class Carrier(Protocol):
    """A parcel carrier's booking desk."""

    def perform(self, requests: Sequence[CarrierRequest]) -> Sequence[Booked | Cancelled | Refused | Unknown]:
        """Perform each request and return its outcome, in the order of the requests.

        Raises nothing for what one request meets: a fault is an `Unknown` outcome of that request.
        """
        ...

    def report(self, asked: LabelsOf | LabelsBetween) -> LabelPage | Unknown:
        """Tell what the carrier's own records say; of references that it does not know, nothing. Raises nothing."""
        ...
