"""A journey as rows of sagas, workflows and workflow_events, and back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from contexts.coordination.definitions import Definitions
from contexts.coordination.journey import Journey
from contexts.coordination.transitions import Status
from contexts.identity import within
from contexts.orders.messages import OrderPlaced
from persistence.setwise import Row


def restored(
    row: Mapping[str, Any], order: OrderPlaced, ended_at: datetime | None, definitions: Definitions
) -> Journey:
    """Return the journey of a row, under the definition that it began under; raises `KeyError` for an unknown one."""
    state = row["state"]
    journey = Journey(
        order=order,
        saga=definitions[row["saga_type"], row["definition_version"]],
        course=Status(state.get("course", row["status"])),
        place=state["place"],
        version=row["version"],
        reason=state.get("reason"),
        wish=state.get("wish"),
        due_at=row["due_at"],
        sent=state.get("sent", 1),
        stage_began=row["step_started_at"],
        stuck_since=row["stuck_since"],
        ended_at=ended_at,
    )
    journey.pending = _pending(journey, state)
    return journey


def _pending(journey: Journey, state: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the steps that are waited for; rows older than parallel steps do not say so, since it was the only one."""
    if "pending" in state or journey.is_final or journey.place < 0:
        return tuple(state.get("pending", ()))
    return tuple(step.name for step in journey.stage.steps)


def _state(journey: Journey) -> Row:
    state = {"place": journey.place, "pending": journey.pending, "sent": journey.sent}
    told = {"reason": journey.reason, "wish": journey.wish, "course": journey.stuck_since and journey.course}
    return state | {name: value for name, value in told.items() if value}


def saga_change(journey: Journey) -> Row:
    """Return what a transition changes in sagas.

    Columns of an index change only where they must, so that PostgreSQL need not touch its indexes.
    """
    is_stuck = journey.stuck_since is not None
    return {
        "id": journey.id,
        "state": _state(journey),
        "version": journey.version,
        "updated_at": journey.history[-1].at,
        "status": journey.status,
        "current_step": journey.current_step,
        "due_at": journey.due_at,
        "step_started_at": journey.stage_began,
        "stuck_since": journey.stuck_since,
        "next_action": journey.next_action if is_stuck else None,
        "at_risk_minor": journey.order.total_minor if is_stuck else None,
    }


def saga_row(journey: Journey) -> Row:
    """Return a new row of sagas."""
    return {
        **saga_change(journey),
        "look_at": journey.due_at or journey.history[-1].at,
        "saga_type": journey.saga.name,
        "associated_id": str(journey.order.order_id),
        "definition_version": journey.saga.version,
    }


def workflow_change(journey: Journey) -> Row:
    """Return what a transition changes in workflows."""
    return {
        "id": journey.id,
        "status": journey.status,
        "current_step": journey.current_step,
        "updated_at": journey.history[-1].at,
        "completed_at": journey.ended_at,
    }


def workflow_row(journey: Journey) -> Row:
    """Return a new row of workflows."""
    context = journey.order.model_dump(mode="json")
    return {**workflow_change(journey), "workflow_type": journey.saga.name, "context": context}


def event_rows(journey: Journey) -> list[Row]:
    """Return the new rows of workflow_events."""
    identity = journey.id
    return [
        {
            "id": within(identity, str(transition.sequence)),
            "workflow_id": identity,
            "event_type": transition.kind,
            "payload": {"step": transition.step, "event": transition.event, "reason": transition.reason}
            | dict(transition.detail or ()),
            "timestamp": transition.at,
            "sequence": transition.sequence,
        }
        for transition in journey.history
    ]
