"""Shipments against the carrier's labels: where the two differ, and which difference a cancellation mends. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contexts.delivery.carrier import Label
from contexts.delivery.model import Shipment, Status
from contexts.reconciliation import Difference, Kind


@dataclass(frozen=True, slots=True)
class ShipmentRecord:
    """A shipment as our table has it."""

    shipment_id: UUID
    order_id: UUID
    status: Status
    tracking_number: str | None
    changed_at: datetime


def differences(ours: ShipmentRecord | None, theirs: Label | None) -> Iterator[Difference]:
    """Yield where one shipment's record and its label differ; a carrier has one label a reference."""
    alive = theirs is not None and theirs.alive
    if ours is None:
        if alive:
            yield _of(ours, theirs, Kind.MISSING_HERE)
    elif ours.status is Status.PENDING:
        yield _of(ours, theirs, Kind.UNFINISHED)
    elif ours.status is not Status.SCHEDULED:
        if alive:
            yield _of(ours, theirs, Kind.DIFFERENT_STATE, mendable=ours.status is Status.CANCELLED)
    elif theirs is None:
        yield _of(ours, None, Kind.MISSING_THERE)
    elif not alive:
        yield _of(ours, theirs, Kind.DIFFERENT_STATE)
    elif theirs.tracking_number != ours.tracking_number:
        yield _of(ours, theirs, Kind.OTHER_LABEL)


def adopt(shipment: Shipment, tracking_number: str | None) -> bool:
    """Take over a label that is alive for a cancelled shipment, so that cancelling it asks the carrier once more.

    Returns whether there is a label to cancel now.
    """
    if shipment.status is not Status.CANCELLED:
        return False
    shipment.status, shipment.tracking_number = Status.SCHEDULED, tracking_number
    shipment.version += 1
    return True


def _of(ours: ShipmentRecord | None, theirs: Label | None, kind: Kind, *, mendable: bool = False) -> Difference:
    """Name the difference. A label that tells no order is listed under the shipment's own id as if it were one."""
    subject = ours or theirs
    assert subject is not None
    mine = None if ours is None else {"status": ours.status.value, "tracking_number": ours.tracking_number}
    label = None if theirs is None else {"alive": theirs.alive, "tracking_number": theirs.tracking_number}
    return Difference(subject.shipment_id, subject.order_id or subject.shipment_id, kind, mine, label, mendable)
