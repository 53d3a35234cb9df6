"""Shipments in PostgreSQL: locked and read set-wise, changed in memory, written set-wise."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection

from contexts.delivery.messages import CancelShipment, RecallShipment, ScheduleDelivery
from contexts.delivery.model import Shipment, Shipments, Status, TrackingEvent, shipment_id
from contexts.messages import Message
from persistence import setwise
from persistence.found import Found
from persistence.memory import Memory
from persistence.tables.delivery import shipments, tracking_events

_SHIPMENTS = """
    SELECT order_id, carrier, shipping_method, shipping_address, pieces, status, tracking_number, estimated_delivery,
           refusal_code, attempts, version, shipped_at, recall_refusal
    FROM shipments WHERE id = ANY(%s) ORDER BY id FOR UPDATE
"""

#: The shipments, by order, that this process has asked the carrier about and not heard of yet.
SHIPMENTS = Memory[Shipment]()


class ShipmentTables(Shipments):
    """The shipments that a batch of messages is about, within one transaction."""

    def __init__(self, connection: Connection[Any], memory: Memory[Shipment] = SHIPMENTS) -> None:
        super().__init__()
        self._connection = connection
        self._found = Found(shipments, self.shipments, memory, lambda shipment: (shipment.version,))

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Recall, or lock and load, the shipments."""
        kinds = ScheduleDelivery | CancelShipment | RecallShipment
        order_ids = {message.order_id for message in messages if isinstance(message, kinds)}
        if unknown := [shipment_id(one) for one in self._found.recall(order_ids)]:
            for row in self._connection.execute(_SHIPMENTS, (unknown,)):
                order_id, carrier, method, address, pieces, status, *others = row
                shipment = Shipment(order_id, carrier, method, address, pieces, Status(status), *others)
                self._found.take(order_id, shipment)

    def flush(self) -> None:
        """Write new and changed shipments and what befell them."""
        setwise.insert(self._connection, shipments, [_row(shipment) for shipment in self._found.new])
        self._found.update(self._connection, _change)
        events = [event for shipment in self.shipments.values() for event in shipment.tracking]
        setwise.insert(self._connection, tracking_events, [_event_row(event) for event in events])

    @property
    def remembers(self) -> bool:
        """Whether something was not read, but remembered."""
        return self._found.has_recalled

    def committed(self) -> None:
        """Remember the shipments whose booking was asked for; of the others little is heard again."""
        for shipment in self.shipments.values():
            shipment.tracking.clear()
        self._found.committed(lambda shipment: shipment.status is Status.PENDING)


def _row(shipment: Shipment) -> setwise.Row:
    return {
        **_change(shipment),
        "order_id": shipment.order_id,
        "carrier": shipment.carrier,
        "shipping_method": shipment.shipping_method,
        "shipping_address": shipment.shipping_address,
        "pieces": shipment.pieces,
    }


def _change(shipment: Shipment) -> setwise.Row:
    now = datetime.now(UTC)
    return {
        "id": shipment.id,
        "tracking_number": shipment.tracking_number,
        "status": shipment.status.value,
        "estimated_delivery": shipment.estimated_delivery,
        "shipped_at": shipment.shipped_at if shipment.status in (Status.SCHEDULED, Status.RECALLED) else None,
        "refusal_code": shipment.refusal_code,
        "cancelled_at": now if shipment.status in (Status.CANCELLED, Status.RECALLED) else None,
        "recall_refusal": shipment.recall_refusal,
        "attempts": shipment.attempts,
        "updated_at": now,
        "version": shipment.version,
    }


def _event_row(event: TrackingEvent) -> setwise.Row:
    return {
        "id": event.id,
        "shipment_id": event.shipment_id,
        "event_type": event.kind,
        "description": event.description,
        "occurred_at": event.at,
    }
