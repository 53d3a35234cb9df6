"""What coordination shows of an order's journey, and of its way back: its timeline."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from contexts.coordination.definitions import journey_id
from contexts.coordination.messages import ShowJourney
from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.transitions import Status
from contexts.messages import Message
from contexts.views import A_MOMENT, AN_HOUR, View

_WORKFLOWS = "SELECT id, status, current_step, completed_at FROM workflows WHERE id = ANY(%s)"
_EVENTS = """
    SELECT workflow_id, timestamp, event_type, payload, sequence FROM workflow_events
    WHERE workflow_id = ANY(%s) ORDER BY sequence
"""

Journey = dict[str, Any]


class JourneyViews:
    """Reads journeys for showing; writes nothing."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._cursor = connection.cursor(row_factory=dict_row)
        self._workflows: dict[UUID, Journey] = {}

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Read everything that is to be shown."""
        self.load([message.order_id for message in messages if isinstance(message, ShowJourney)])

    def load(self, orders: Iterable[UUID]) -> None:
        """Read the journeys of some orders."""
        ids = [one for order_id in orders for one in _ids(order_id)]
        for row in self._cursor.execute(_WORKFLOWS, (ids,)).fetchall():
            self._workflows[row["id"]] = {**row, "timeline": [], "version": 0}
        for row in self._cursor.execute(_EVENTS, (ids,)).fetchall():
            workflow = self._workflows[row["workflow_id"]]
            workflow["version"] = row["sequence"]
            workflow["timeline"].append(_line(row))

    def flush(self) -> None:
        """Nothing to write."""

    def view(self, order_id: UUID) -> View | None:
        """Return the `journey` part of an order's read model; None for an order without a journey.

        An order that returns has the lines of both journeys, one after the other; `return` says how that one stands.
        """
        placing, returning = (self._workflows.get(one) for one in _ids(order_id))
        if placing is None:
            return None
        journeys = [journey for journey in (placing, returning) if journey]
        timeline = [line for journey in journeys for line in journey["timeline"]]
        body = {**_standing(placing), "timeline": timeline}
        if returning:
            body["return"] = _standing(returning)
        # A completed order may still return, so that only its return's end, or its undoing, is the end of it all.
        over = placing["status"] == Status.UNDONE or bool(returning and returning["completed_at"])
        version = sum(journey["version"] for journey in journeys)
        return View("journey", str(order_id), "journey", version, body, AN_HOUR if over else A_MOMENT)


def _ids(order_id: UUID) -> tuple[UUID, UUID]:
    return order_id, journey_id(PLACE_ORDER.returned_by or "", order_id)


def _standing(journey: Journey) -> Journey:
    return {"status": journey["status"], "current_step": journey["current_step"]}


def _line(row: Mapping[str, Any]) -> Journey:
    """Return a line as everybody may see it: who intervened and what was said about it is not among it."""
    payload = row["payload"]
    return {"at": row["timestamp"], "what": row["event_type"], "step": payload["step"], "reason": payload["reason"]}
