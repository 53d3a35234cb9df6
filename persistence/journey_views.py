"""What coordination shows of an order's journey: its timeline."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from contexts.coordination.messages import ShowJourney
from contexts.messages import Message
from contexts.views import A_MOMENT, AN_HOUR, View

_WORKFLOWS = "SELECT id, status, current_step, completed_at FROM workflows WHERE id = ANY(%s)"
_EVENTS = """
    SELECT workflow_id, timestamp, event_type, payload, sequence FROM workflow_events
    WHERE workflow_id = ANY(%s) ORDER BY sequence
"""


class JourneyViews:
    """Reads journeys for showing; writes nothing."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._cursor = connection.cursor(row_factory=dict_row)
        self._workflows: dict[UUID, dict[str, Any]] = {}

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Read everything that is to be shown."""
        ids = [message.order_id for message in messages if isinstance(message, ShowJourney)]
        for row in self._cursor.execute(_WORKFLOWS, (ids,)).fetchall():
            self._workflows[row["id"]] = {**row, "timeline": [], "version": 0}
        for row in self._cursor.execute(_EVENTS, (ids,)).fetchall():
            workflow = self._workflows[row["workflow_id"]]
            workflow["version"] = row["sequence"]
            workflow["timeline"].append(
                {
                    "at": row["timestamp"],
                    "what": row["event_type"],
                    "step": row["payload"]["step"],
                    "reason": row["payload"]["reason"],
                }
            )

    def flush(self) -> None:
        """Nothing to write."""

    def view(self, order_id: UUID) -> View | None:
        """Return the `journey` part of an order's read model; None for an order without a journey."""
        row = self._workflows.get(order_id)
        if row is None:
            return None
        body = {"status": row["status"], "current_step": row["current_step"], "timeline": row["timeline"]}
        return View(
            "journey", str(order_id), "journey", row["version"], body, AN_HOUR if row["completed_at"] else A_MOMENT
        )
