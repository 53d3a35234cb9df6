"""When each order reached each point of its journey: read from the stores' own timestamps afterwards."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from benchmarking.latency_load import Sending
from demonstration.databases import looking_into

#: Points before the journey's own events.
APPOINTED, ACCEPTED, PLACED = "appointed", "accepted (202)", "placed"

_COMPLETED = "SELECT id, completed_at FROM workflows WHERE id = ANY(%s) AND status = 'COMPLETED'"
_PLACED = "SELECT id, created_at FROM orders WHERE id = ANY(%s)"
_EVENTS = """
    SELECT workflow_id, event_type, payload->>'step', timestamp FROM workflow_events
    WHERE workflow_id = ANY(%s) ORDER BY workflow_id, sequence
"""


@dataclass(frozen=True, slots=True)
class History:
    """One completed order: seconds from its appointed time to COMPLETED, seconds that it was sent late, and the points
    on its way with their moments (seconds since 1970).

    The client may hear of its acceptance after the order was placed: then that hop is less than nothing.
    """

    latency: float
    late: float
    points: Sequence[tuple[str, float]]

    def hops(self) -> Iterator[tuple[str, float]]:
        """Yield each hop's name, and its seconds."""
        for (before, began), (after, ended) in pairwise(self.points):
            yield f"{before} -> {after}", ended - began


def histories(sendings: Sequence[Sending]) -> list[History]:
    """Return the history of every order among these that was completed."""
    ids = [one.order_id for one in sendings]
    with looking_into("orders") as connection:
        placed = {order_id: at.timestamp() for order_id, at in connection.execute(_PLACED, (ids,))}
    with looking_into("coordination") as connection:
        completed = {order_id: at.timestamp() for order_id, at in connection.execute(_COMPLETED, (ids,))}
        events: dict[UUID, list[tuple[str, float]]] = {}
        for order_id, kind, at_step, moment in connection.execute(_EVENTS, (ids,)):
            events.setdefault(order_id, []).append((_name(kind, at_step), moment.timestamp()))
    return [
        History(
            latency=completed[one.order_id] - one.appointed,
            late=one.sent - one.appointed,
            points=[
                (APPOINTED, one.appointed),
                (ACCEPTED, one.accepted),
                (PLACED, placed[one.order_id]),
                *events[one.order_id],
            ],
        )
        for one in sendings
        if one.order_id in completed
    ]


def _name(kind: str, at_step: str | None) -> str:
    """`StepDone` says nothing without its step; the journey's own events say everything."""
    return f"{kind} {at_step}" if kind.startswith("Step") else kind
