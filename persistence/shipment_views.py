"""What delivery shows of an order's shipment, with its tracking."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from contexts.delivery.messages import ShowShipment
from contexts.messages import Message
from contexts.views import A_MOMENT, AN_HOUR, View

_SHIPMENTS = """
    SELECT order_id, id AS shipment_id, status, carrier, tracking_number, estimated_delivery, refusal_code,
           recall_refusal, version
    FROM shipments WHERE order_id = ANY(%s)
"""
_TRACKING = """
    SELECT shipment_id, event_type, location, description, occurred_at
    FROM tracking_events WHERE shipment_id = ANY(%s) ORDER BY occurred_at
"""


class ShipmentViews:
    """Reads shipments for showing; writes nothing."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._cursor = connection.cursor(row_factory=dict_row)
        self._shipments: dict[UUID, dict[str, Any]] = {}

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Read everything that is to be shown."""
        ids = [message.order_id for message in messages if isinstance(message, ShowShipment)]
        shipments = self._cursor.execute(_SHIPMENTS, (ids,)).fetchall()
        tracking: dict[UUID, list[dict[str, Any]]] = {}
        for row in self._cursor.execute(_TRACKING, ([one["shipment_id"] for one in shipments],)).fetchall():
            tracking.setdefault(row.pop("shipment_id"), []).append(row)
        for row in shipments:
            self._shipments[row["order_id"]] = {**row, "tracking": tracking.get(row["shipment_id"], [])}

    def flush(self) -> None:
        """Nothing to write."""

    def view(self, order_id: UUID) -> View | None:
        """Return the `shipment` part of an order's read model; None for an order without a shipment."""
        row = self._shipments.get(order_id)
        if row is None:
            return None
        body = {name: value for name, value in row.items() if name not in ("order_id", "version")}
        keep = A_MOMENT if row["status"] in ("PENDING", "SCHEDULED") else AN_HOUR
        return View("shipment", str(order_id), "shipment", row["version"], body, keep)
