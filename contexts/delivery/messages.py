"""What delivery can be asked, and what it tells."""

from datetime import date
from uuid import UUID

from contexts.messages import Command, JourneyEvent, Query
from contexts.orders.messages import Address
from contexts.reconciliation import Reconcile


class ScheduleDelivery(Command):
    """Have the carrier fetch the parcel of an order."""

    order_id: UUID
    shipping_address: Address
    shipping_method: str
    pieces: int


class CancelShipment(Command):
    """See to it that no label is alive for the order; one that comes first forbids the booking."""

    order_id: UUID


class RecallShipment(Command):
    """Have the carrier stop the parcel of a completed order, if it still can."""

    order_id: UUID


class ShipmentScheduled(JourneyEvent):
    """The carrier will fetch the parcel: from here the journey goes only forward."""

    shipment_id: UUID
    carrier: str
    tracking_number: str
    estimated_delivery: date | None


class DeliveryRefused(JourneyEvent):
    """The carrier will not deliver this order, definitely."""

    code: str


class ShipmentCancelled(JourneyEvent):
    """No label is alive for the order."""


class CancellationRefused(JourneyEvent):
    """The carrier cannot take the parcel back any more, definitely: it is delivered; `code` is the carrier's."""

    code: str


class ShipmentRecalled(JourneyEvent):
    """The parcel of a completed order was stopped: no label is alive for it any more."""


class RecallRefused(JourneyEvent):
    """The carrier cannot stop the parcel, definitely; `code` is the carrier's."""

    code: str


class ShowShipment(Query):
    """Ask for the shipment of an order with its tracking."""

    order_id: UUID


class ReconcileShipments(Reconcile):
    """Compare a page of shipments with the carrier's records."""
