"""Journeys in PostgreSQL: the saga's state, the workflow an operator sees, and the audit trail of every transition."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from psycopg import Connection
from psycopg.rows import dict_row

from contexts.coordination.journey import FINAL, SAGAS, Journey, Journeys, Status, Transition
from contexts.coordination.messages import SweepDeadlines
from contexts.messages import Message
from contexts.orders.messages import OrderPlaced
from persistence import setwise
from persistence.tables.coordination import sagas, workflow_events, workflows

#: Overdue journeys that one sweep looks after.
OVERDUE_AT_ONCE = 500

# What the journey is about never changes and stays in the workflow's context: a step rewrites only the small saga row.
_JOURNEYS = """
    SELECT s.id, s.saga_type, s.definition_version, s.state, s.status, s.due_at, s.version, w.context
    FROM sagas s JOIN workflows w ON w.id = s.id
"""


class JourneyTables(Journeys):
    """The journeys that a batch of messages is about, within one transaction. A journey's id is its order's."""

    def __init__(self, connection: Connection[Any]) -> None:
        super().__init__()
        self._connection = connection
        self._stored: dict[UUID, int] = {}

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Lock and load the journeys that are answered, or overdue."""
        cursor = self._connection.cursor(row_factory=dict_row)
        for message in messages:
            if isinstance(message, SweepDeadlines):
                query = "WHERE s.status IN ('RUNNING', 'COMPENSATING') AND s.due_at <= %s ORDER BY s.due_at LIMIT %s"
                limits = (message.at, OVERDUE_AT_ONCE)
                self._take(cursor.execute(_JOURNEYS + query + " FOR UPDATE OF s SKIP LOCKED", limits).fetchall())
        ids = sorted(order_id for order_id in (getattr(message, "order_id", None) for message in messages) if order_id)
        if ids:
            query = "WHERE s.id = ANY(%s) ORDER BY s.id FOR UPDATE OF s"
            self._take(cursor.execute(_JOURNEYS + query, (ids,)).fetchall())

    def flush(self) -> None:
        """Write new and changed journeys, what operators see of them, and their audit trail."""
        new = {order_id: one for order_id, one in self.journeys.items() if order_id not in self._stored}
        changed = {
            order_id: one
            for order_id, one in self.journeys.items()
            if self._stored.get(order_id, one.version) != one.version
        }
        setwise.insert(self._connection, sagas, [_saga_row(*item) for item in new.items()])
        setwise.insert(self._connection, workflows, [_workflow_row(*item) for item in new.items()])
        setwise.update(self._connection, sagas, [_saga_change(*item) for item in changed.items()])
        setwise.update(self._connection, workflows, [_workflow_change(*item) for item in changed.items()])
        events = [_event_row(order_id, event) for order_id, one in self.journeys.items() for event in one.history]
        setwise.insert(self._connection, workflow_events, events)

    def _take(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            self.journeys[row["id"]] = _journey(row)
            self._stored[row["id"]] = row["version"]


def _journey(row: Mapping[str, Any]) -> Journey:
    state = row["state"]
    return Journey(
        order=OrderPlaced.model_validate(row["context"]),
        saga=SAGAS[row["saga_type"], row["definition_version"]],
        status=Status(row["status"]),
        place=state["place"],
        version=row["version"],
        reason=state["reason"],
        due_at=row["due_at"],
        sent=state.get("sent", 1),
    )


def _step_name(journey: Journey) -> str | None:
    if journey.status in FINAL:
        return None
    return journey.step.name if journey.step else "close"


def _last_moment(journey: Journey) -> datetime:
    return journey.history[-1].at


def _saga_change(order_id: UUID, journey: Journey) -> setwise.Row:
    return {
        "id": order_id,
        "state": {"place": journey.place, "reason": journey.reason, "sent": journey.sent},
        "version": journey.version,
        "updated_at": _last_moment(journey),
        "status": journey.status.value,
        "current_step": _step_name(journey),
        "due_at": journey.due_at,
        "step_started_at": _last_moment(journey),
    }


def _saga_row(order_id: UUID, journey: Journey) -> setwise.Row:
    return {
        **_saga_change(order_id, journey),
        "saga_type": journey.saga.name,
        "associated_id": str(order_id),
        "definition_version": journey.saga.version,
    }


def _workflow_change(order_id: UUID, journey: Journey) -> setwise.Row:
    return {
        "id": order_id,
        "status": journey.status.value,
        "current_step": _step_name(journey),
        "updated_at": _last_moment(journey),
        "completed_at": _last_moment(journey) if journey.is_final else None,
    }


def _workflow_row(order_id: UUID, journey: Journey) -> setwise.Row:
    context = journey.order.model_dump(mode="json")
    return {**_workflow_change(order_id, journey), "workflow_type": journey.saga.name, "context": context}


def _event_row(order_id: UUID, transition: Transition) -> setwise.Row:
    return {
        "id": uuid5(order_id, str(transition.sequence)),
        "workflow_id": order_id,
        "event_type": transition.kind,
        "payload": {"step": transition.step, "event": transition.event, "reason": transition.reason},
        "timestamp": transition.at,
        "sequence": transition.sequence,
    }
