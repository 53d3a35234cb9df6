"""A journey as rows of sagas, workflows and workflow_events, and back."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from contexts.coordination.definitions import Definitions
from contexts.coordination.journey import Journey
from contexts.coordination.transitions import Status, Transition
from contexts.identity import named
from contexts.orders.messages import OrderPlaced
from persistence.setwise import Row


def restored(row: Mapping[str, Any], definitions: Definitions) -> Journey:
    """Return the journey of a row, under the definition that it began under; raises `KeyError` for an unknown one."""
    state = row["state"]
    journey = Journey(
        order=OrderPlaced.model_validate(row["context"]),
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
        ended_at=row["completed_at"],
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


def saga_change(identity: UUID, journey: Journey) -> Row:
    """Return what a transition changes in sagas."""
    return {
        "id": identity,
        "state": _state(journey),
        "version": journey.version,
        "updated_at": journey.history[-1].at,
        "status": journey.status,
        "current_step": journey.current_step,
        "due_at": journey.due_at,
        "step_started_at": journey.stage_began,
        "stuck_since": journey.stuck_since,
        "next_action": journey.next_action,
        "at_risk_minor": journey.order.total_minor if journey.stuck_since else None,
    }


def saga_row(identity: UUID, journey: Journey) -> Row:
    """Return a new row of sagas."""
    return {
        **saga_change(identity, journey),
        "saga_type": journey.saga.name,
        "associated_id": str(journey.order.order_id),
        "definition_version": journey.saga.version,
    }


def workflow_change(identity: UUID, journey: Journey) -> Row:
    """Return what a transition changes in workflows."""
    return {
        "id": identity,
        "status": journey.status,
        "current_step": journey.current_step,
        "updated_at": journey.history[-1].at,
        "completed_at": journey.ended_at,
    }


def workflow_row(identity: UUID, journey: Journey) -> Row:
    """Return a new row of workflows."""
    context = journey.order.model_dump(mode="json")
    return {**workflow_change(identity, journey), "workflow_type": journey.saga.name, "context": context}


def event_row(identity: UUID, transition: Transition) -> Row:
    """Return a row of workflow_events."""
    payload = {"step": transition.step, "event": transition.event, "reason": transition.reason}
    return {
        "id": named(identity, str(transition.sequence)),
        "workflow_id": identity,
        "event_type": transition.kind,
        "payload": payload | dict(transition.detail or ()),
        "timestamp": transition.at,
        "sequence": transition.sequence,
    }
