"""`ops sagas`: journeys, the ones that stand still first; one order's timeline; what an operator can do about it."""

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.sql import SQL

from contexts.coordination.definitions import SAGAS, journey_id
from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.transitions import FINAL
from contexts.money import to_decimal
from operations import interventions
from operations.commands import Commands, add, at_least_one, finish, group, identity
from operations.masking import masked
from operations.printing import fields, heading, say, table
from operations.stores import Snapshot, reading
from operations.times import before, seconds_between, span, spoken

EPILOG = """\
`still` is the time since the journey last moved; `due in` what is left until its step is overdue (negative: it is).
A step that has to succeed and does not is sent again for ever; after two times, or at once where much is at risk, its
journey is STUCK until an answer comes or an operator resumes it.

examples:
  scripts/ops sagas list --older-than 5m
  scripts/ops sagas list --status COMPENSATING --step pay
  scripts/ops sagas list --stuck
  scripts/ops sagas show 7c9e6679-7425-40de-944b-e07fc1f90ae7
  scripts/ops sagas resume 7c9e6679-7425-40de-944b-e07fc1f90ae7 --why "the card network is back"
"""

_SAGA = SQL(
    "SELECT associated_id AS order_id, saga_type, definition_version, s.status, s.current_step,"
    " state->>'reason' AS reason, state->>'wish' AS wish, version, s.created_at, step_started_at, s.updated_at, due_at,"
    " next_action, stuck_since, at_risk_minor, context->>'currency' AS currency"
    " FROM sagas s JOIN workflows w ON w.id = s.id WHERE "
)
_CONDITIONS = {
    "status": SQL("s.status = %(status)s"),
    "step": SQL("%(step)s = ANY (string_to_array(s.current_step, '+'))"),
    "moved_before": SQL("s.updated_at < %(moved_before)s"),
}
_UNFINISHED = SQL("s.status <> ALL(%(final)s)")
_EVENTS = """
    SELECT timestamp AS at, sequence, event_type, payload, workflow_type AS saga FROM workflow_events e
    JOIN workflows w ON w.id = e.workflow_id WHERE workflow_id = ANY(%s)
    ORDER BY array_position(%s, workflow_id), sequence
"""

_LIST_COLUMNS = ("order", "saga", "status", "step", "still", "due in", "age", "reason", "moves")
_STUCK_COLUMNS = ("order", "saga", "step", "stuck for", "at risk", "due in", "next action")
_TIMELINE_COLUMNS = ("at", "since begin", "gap", "what", "step", "event", "detail")


def add_to(commands: Commands) -> None:
    """Add the commands."""
    own = group(commands, "sagas", "look at journeys, and mend them")
    listing = add(own, "list", run_list, "list unfinished journeys, the longest still first", EPILOG)
    listing.add_argument("--status", type=str.upper, metavar="S", help="only these; finished ones too")
    listing.add_argument("--stuck", action="store_true", help="only STUCK ones: since when, at what risk, what next")
    steps = ", ".join(dict.fromkeys(step.name for saga in SAGAS for step in saga.steps))
    listing.add_argument("--step", metavar="S", help=f"only at this step: {steps}")
    listing.add_argument("--older-than", type=span, metavar="SPAN", help="still for longer than: 90s, 5m, 2h, 3d")
    listing.add_argument("--limit", type=at_least_one, default=100, help="at most so many (default: %(default)s)")
    showing = add(own, "show", run_show, "show one order's timeline, its return's too", EPILOG)
    showing.add_argument("order_id", type=identity, metavar="ORDER_ID")
    interventions.add_to(own, EPILOG)


def run_list(options: argparse.Namespace) -> int:
    """List journeys."""
    status = "STUCK" if options.stuck else options.status
    asked = {"status": status, "step": options.step, "moved_before": before(options.older_than)}
    conditions = [_CONDITIONS[name] for name, value in asked.items() if value]
    if not status:
        conditions.append(_UNFINISHED)
    order = SQL(" ORDER BY s.stuck_since, s.id") if options.stuck else SQL(" ORDER BY s.updated_at, s.id")
    query = _SAGA + SQL(" AND ").join(conditions) + order + SQL(" LIMIT %(limit)s")
    parameters = {**asked, "final": [str(one) for one in FINAL], "limit": options.limit + 1}
    with reading("coordination") as connection:
        rows = [_with_times(row) for row in connection.execute(query, parameters)]
    if not rows:
        say("no such journey")
    document = {"sagas": rows[: options.limit], "more": len(rows) > options.limit}
    return finish(options, document, _show_stuck if options.stuck else _show_list, done=bool(rows))


def run_show(options: argparse.Namespace) -> int:
    """Show one order's journeys."""
    with reading("coordination") as connection:
        saga = journey(connection, options.order_id)
    if saga is None:
        say(f"order {options.order_id} has no journey")
    return finish(options, masked({"saga": saga}), _show_both, done=saga is not None)


def journey(connection: Snapshot, order_id: UUID) -> dict[str, Any] | None:
    """Return the saga that places an order, with its `return`, or None; `timeline` has the lines of both in turn."""
    ids = [journey_id(name, order_id) for name in dict.fromkeys(saga.name for saga in SAGAS)]
    found = connection.execute(_SAGA + SQL("s.id = ANY(%s)"), (ids,)).fetchall()
    rows = {row["saga_type"]: _with_times(row) for row in found}
    if PLACE_ORDER.name not in rows:
        return None
    lines = timeline(connection.execute(_EVENTS, (ids, ids)).fetchall())
    return {**rows[PLACE_ORDER.name], "return": rows.get(PLACE_ORDER.returned_by or ""), "timeline": lines}


def timeline(events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what happened, each with the seconds since the begin and since what came before it in its saga."""
    told = []
    for place, event in enumerate(events):
        payload = dict(event["payload"])
        previous = events[place - 1] if place and events[place - 1]["saga"] == event["saga"] else event
        told.append(
            {
                "at": event["at"],
                "since_begin_seconds": seconds_between(events[0]["at"], event["at"]),
                "gap_seconds": seconds_between(previous["at"], event["at"]),
                "saga": event["saga"],
                "what": event["event_type"],
                "step": payload.pop("step", None),
                "event": payload.pop("event", None),
                # The reason, and whatever else the engine noted: who intervened, and why.
                "detail": {name: value for name, value in payload.items() if value is not None},
            }
        )
    return told


def _with_times(row: Mapping[str, Any]) -> dict[str, Any]:
    now = datetime.now(UTC)
    told = dict(row)
    at_risk, currency = told.pop("at_risk_minor"), told.pop("currency")
    still = None if row["status"] in FINAL else seconds_between(row["updated_at"], now)
    return {
        **told,
        "at_risk": None if at_risk is None else f"{to_decimal(at_risk, currency)} {currency}",
        "still_seconds": still,
        "age_seconds": seconds_between(row["created_at"], now),
        "due_in_seconds": seconds_between(now, row["due_at"]),
        "stuck_seconds": seconds_between(row["stuck_since"], now),
    }


def _show_list(document: Mapping[str, Any], columns: Sequence[str] = _LIST_COLUMNS) -> None:
    rows = [
        {
            "order": row["order_id"],
            "saga": row["saga_type"],
            "status": row["status"],
            "step": row["current_step"],
            "still": spoken(row["still_seconds"]),
            "due in": spoken(row["due_in_seconds"]),
            "age": spoken(row["age_seconds"]),
            "reason": row["reason"] or row["wish"],
            "moves": row["version"],
            "stuck for": spoken(row["stuck_seconds"]),
            "at risk": row["at_risk"],
            "next action": row["next_action"],
        }
        for row in document["sagas"]
    ]
    table(rows, columns)
    if document["more"]:
        print("... and more: --limit shows them")


def _show_stuck(document: Mapping[str, Any]) -> None:
    _show_list(document, _STUCK_COLUMNS)


def _show_both(document: Mapping[str, Any]) -> None:
    saga = document["saga"]
    for one in (saga, saga["return"]) if saga else ():
        if one:
            _show_one(one, [event for event in saga["timeline"] if event["saga"] == one["saga_type"]])


def _show_one(saga: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> None:
    shown = {name: value for name, value in saga.items() if name not in ("timeline", "return")}
    spans = [name for name in shown if name.endswith("_seconds")]
    told = {name.removesuffix("_seconds").replace("_", " "): spoken(shown.pop(name)) for name in spans}
    fields(shown | told)
    heading(f"timeline of {saga['saga_type']}")
    table([_timeline_row(event) for event in lines], _TIMELINE_COLUMNS)
    print()


def _timeline_row(event: Mapping[str, Any]) -> dict[str, Any]:
    detail = ", ".join(f"{name}: {value}" for name, value in event["detail"].items())
    spans = {"since begin": spoken(event["since_begin_seconds"]), "gap": spoken(event["gap_seconds"])}
    return {**event, **spans, "detail": detail}
