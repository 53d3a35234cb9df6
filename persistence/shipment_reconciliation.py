"""Shipments for reconciliation, in PostgreSQL: what is to be looked up at the carrier, and what was found."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from contexts.delivery.carrier import Label
from contexts.delivery.messages import CancelShipment
from contexts.delivery.model import Status
from contexts.delivery.reconciliation import ShipmentRecord, adopt, differences
from contexts.messages import Message
from contexts.reconciliation import PAGE, Difference
from persistence.delivery import ShipmentTables
from persistence.reconciliation import Discrepancies, Look, Looks

_RECORDS = "SELECT id, order_id, status, tracking_number, updated_at FROM shipments WHERE id = ANY(%s)"
#: What changed in the window, what is unfinished, and what is known to differ; each part in the order of its ids.
_TO_LOOK_UP = """
    (SELECT id FROM shipments
     WHERE id > %(after)s AND updated_at < %(until)s AND (updated_at >= %(since)s OR status = %(unfinished)s)
     ORDER BY id LIMIT %(page)s)
    UNION
    (SELECT DISTINCT shipment_id FROM shipment_discrepancies
     WHERE resolved_at IS NULL AND shipment_id > %(after)s ORDER BY shipment_id LIMIT %(page)s)
    ORDER BY 1 LIMIT %(page)s
"""
_BEFORE_ALL = UUID(int=0)


class ShipmentReconciliation:
    """The shipments, looks and discrepancies of one transaction; read and written at once, message by message."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self.looks = Looks(connection)
        self._discrepancies = Discrepancies(connection, "shipment")

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Nothing: which shipments a message is about is known when the carrier has answered."""

    def flush(self) -> None:
        """Nothing is held back."""

    def to_look_up(self, look: Look, after: str) -> tuple[UUID, ...]:
        """Return a page of the shipments to look up, in the order of their ids."""
        asked = {
            "after": UUID(after) if after else _BEFORE_ALL,
            "since": look.since,
            "until": look.until,
            "unfinished": Status.PENDING.value,
            "page": PAGE,
        }
        return tuple(row[0] for row in self._connection.execute(_TO_LOOK_UP, asked))

    def compare(self, look: Look, asked: Sequence[UUID] | None, labels: Iterable[Label]) -> list[Difference]:
        """Compare shipments with labels, and enter what differs; returns what is new.

        `asked` names the shipments that were looked up: what differed there and does not any more is resolved. None:
        the labels are a page of the carrier's list. What changed after the window is left to a later look.
        """
        by_shipment: dict[UUID, Label | None] = dict.fromkeys(asked or ())
        by_shipment.update((label.shipment_id, label) for label in labels)
        rows = self._connection.execute(_RECORDS, (list(by_shipment),)).fetchall()
        records = {row[0]: ShipmentRecord(row[0], row[1], Status(row[2]), *row[3:]) for row in rows}
        settled = [one for one in by_shipment if one not in records or records[one].changed_at < look.until]
        found = [difference for one in settled for difference in differences(records.get(one), by_shipment[one])]
        new = self._discrepancies.see(found)
        if asked is not None:
            self._discrepancies.resolve(settled, found)
        return new

    def adopt_labels(self, mendable: Sequence[Difference]) -> list[UUID]:
        """Take over labels that are alive for cancelled shipments; return the orders that can be cancelled now."""
        if not mendable:
            return []
        shipments = ShipmentTables(self._connection)
        shipments.prefetch([CancelShipment(order_id=one.order_id) for one in mendable])
        adopted = [
            one.order_id
            for one in mendable
            if one.theirs and adopt(shipments.of(one.order_id), one.theirs["tracking_number"])
        ]
        shipments.flush()
        return adopted
