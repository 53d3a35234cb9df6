"""`ops sagas`: journeys, the ones that stand still first; and one journey's timeline."""

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.sql import SQL

from contexts.coordination.journey import FINAL
from operations.commands import Commands, add, at_least_one, finish, group, identity
from operations.printing import fields, heading, say, table
from operations.stores import Snapshot, reading
from operations.times import before, seconds_between, span, spoken

EPILOG = """\
`still` is the time since the journey last moved; `due in` what is left until its step is overdue (negative: it is).

examples:
  scripts/ops sagas list --older-than 5m
  scripts/ops sagas list --status COMPENSATING --step pay
  scripts/ops sagas show 7c9e6679-7425-40de-944b-e07fc1f90ae7
"""

_SAGA = SQL(
    "SELECT id AS order_id, saga_type, definition_version, status, current_step, state->>'reason' AS reason,"
    " version, created_at, step_started_at, updated_at, due_at FROM sagas WHERE "
)
_CONDITIONS = {
    "status": SQL("status = %(status)s"),
    "step": SQL("current_step = %(step)s"),
    "moved_before": SQL("updated_at < %(moved_before)s"),
}
_UNFINISHED = SQL("status <> ALL(%(final)s)")
_EVENTS = """
    SELECT timestamp AS at, sequence, event_type, payload FROM workflow_events
    WHERE workflow_id = %s ORDER BY sequence, timestamp
"""

_LIST_COLUMNS = ("order", "status", "step", "still", "due in", "age", "reason", "moves")
_TIMELINE_COLUMNS = ("at", "since begin", "gap", "what", "step", "event", "detail")


def add_to(commands: Commands) -> None:
    """Add the commands."""
    own = group(commands, "sagas", "look at journeys")
    listing = add(own, "list", run_list, "list unfinished journeys, the longest still first", EPILOG)
    listing.add_argument("--status", type=str.upper, metavar="S", help="only these; finished ones too")
    listing.add_argument("--step", metavar="S", help="only at this step: reserve, pay, ship, capture, complete, close")
    listing.add_argument("--older-than", type=span, metavar="SPAN", help="still for longer than: 90s, 5m, 2h, 3d")
    listing.add_argument("--limit", type=at_least_one, default=100, help="at most so many (default: %(default)s)")
    showing = add(own, "show", run_show, "show one journey's timeline", EPILOG)
    showing.add_argument("order_id", type=identity, metavar="ORDER_ID")


def run_list(options: argparse.Namespace) -> int:
    """List journeys."""
    asked = {"status": options.status, "step": options.step, "moved_before": before(options.older_than)}
    conditions = [_CONDITIONS[name] for name, value in asked.items() if value]
    if not options.status:
        conditions.append(_UNFINISHED)
    query = _SAGA + SQL(" AND ").join(conditions) + SQL(" ORDER BY updated_at, id LIMIT %(limit)s")
    parameters = {**asked, "final": [str(status) for status in FINAL], "limit": options.limit + 1}
    with reading("coordination") as connection:
        rows = [_with_times(row) for row in connection.execute(query, parameters)]
    if not rows:
        say("no such journey")
    document = {"sagas": rows[: options.limit], "more": len(rows) > options.limit}
    return finish(options, document, _show_list, done=bool(rows))


def run_show(options: argparse.Namespace) -> int:
    """Show one journey."""
    with reading("coordination") as connection:
        saga = journey(connection, options.order_id)
    if saga is None:
        say(f"order {options.order_id} has no journey")
    return finish(options, {"saga": saga}, _show_one, done=saga is not None)


def journey(connection: Snapshot, order_id: UUID) -> dict[str, Any] | None:
    """Return an order's saga with its `timeline`, or None."""
    row = connection.execute(_SAGA + SQL("id = %s"), (order_id,)).fetchone()
    if row is None:
        return None
    return {**_with_times(row), "timeline": timeline(connection.execute(_EVENTS, (order_id,)).fetchall())}


def timeline(events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what happened, each with the seconds since the begin and since what came before it."""
    told = []
    for place, event in enumerate(events):
        payload = dict(event["payload"])
        told.append(
            {
                "at": event["at"],
                "since_begin_seconds": seconds_between(events[0]["at"], event["at"]),
                "gap_seconds": seconds_between(events[place - 1]["at"], event["at"]) if place else 0.0,
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
    still = None if row["status"] in FINAL else seconds_between(row["updated_at"], now)
    times = {"still_seconds": still, "age_seconds": seconds_between(row["created_at"], now)}
    return {**row, **times, "due_in_seconds": seconds_between(now, row["due_at"])}


def _show_list(document: Mapping[str, Any]) -> None:
    rows = [
        {
            "order": row["order_id"],
            "status": row["status"],
            "step": row["current_step"],
            "still": spoken(row["still_seconds"]),
            "due in": spoken(row["due_in_seconds"]),
            "age": spoken(row["age_seconds"]),
            "reason": row["reason"],
            "moves": row["version"],
        }
        for row in document["sagas"]
    ]
    table(rows, _LIST_COLUMNS)
    if document["more"]:
        print("... and more: --limit shows them")


def _show_one(document: Mapping[str, Any]) -> None:
    saga = document["saga"]
    if saga is None:
        return
    hidden = ("timeline", "still_seconds", "age_seconds", "due_in_seconds")
    shown = {name: value for name, value in saga.items() if name not in hidden}
    fields({**shown, "still": spoken(saga["still_seconds"]), "due in": spoken(saga["due_in_seconds"])})
    heading("timeline")
    table([_timeline_row(event) for event in saga["timeline"]], _TIMELINE_COLUMNS)


def _timeline_row(event: Mapping[str, Any]) -> dict[str, Any]:
    detail = ", ".join(f"{name}: {value}" for name, value in event["detail"].items())
    spans = {"since begin": spoken(event["since_begin_seconds"]), "gap": spoken(event["gap_seconds"])}
    return {**event, **spans, "detail": detail}
