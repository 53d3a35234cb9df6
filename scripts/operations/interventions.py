"""`ops sagas resume | retry | reverse`: what an operator does to an order's journey, recorded with who and why."""

import argparse
import getpass
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pika
from pika.exceptions import NackError, UnroutableError

from contexts.coordination.journeys import journeys_of
from contexts.coordination.messages import Intervention, ResumeJourney, RetryStep, ReverseJourney
from contexts.coordination.transitions import UnknownJourney
from contexts.messages import Envelope, first_cause
from contexts.subscriptions import destinations
from operations import broker
from operations.commands import Commands, add, finish, identity
from operations.errors import ServerAway, WrongUse
from operations.printing import cell, say
from operations.stores import Snapshot, reading
from persistence.coordination import JourneyTables

#: Seconds in which a running worker has long done it.
PATIENCE_SECONDS = 10.0

#: What each is called on the command line.
VERBS: Mapping[str, tuple[type[Intervention], str]] = {
    "resume": (ResumeJourney, "end the standstill of a STUCK journey: it goes on with its present step"),
    "retry": (RetryStep, "send the unanswered commands of a journey's present step again, now"),
    "reverse": (ReverseJourney, "undo an order; one that was shipped returns"),
}

_LINES = """
    SELECT w.id, e.sequence, e.timestamp AS at, w.workflow_type AS saga, e.event_type AS what, e.payload
    FROM workflow_events e JOIN workflows w ON w.id = e.workflow_id
    WHERE e.workflow_id = ANY(%s) AND e.payload->>'by' = %s AND e.payload->>'why' = %s ORDER BY e.sequence
"""

#: Journey -> how many lines its timeline had before the command was sent.
Lines = Mapping[UUID, int]


def add_to(commands: Commands, epilog: str) -> None:
    """Add the commands."""
    for verb, (_, summary) in VERBS.items():
        parser = add(commands, verb, run, summary, epilog)
        parser.add_argument("order_id", type=identity, metavar="ORDER_ID")
        parser.add_argument("--by", metavar="WHO", default=_operator(), help="who does it (default: %(default)s)")
        parser.add_argument("--why", metavar="TEXT", required=True, help="why; it stays in the journey's timeline")
        parser.set_defaults(verb=verb)


def _operator() -> str:
    return os.environ.get("USER") or getpass.getuser()


def run(options: argparse.Namespace) -> int:
    """Have coordination intervene, and wait until the journey's timeline says that it did."""
    kind, _ = VERBS[options.verb]
    try:
        command = kind(order_id=options.order_id, by=options.by, why=options.why)
    except ValueError as problem:
        raise WrongUse("--by takes up to 100 characters, --why up to 500, and neither may be empty") from problem
    with reading("coordination") as connection:
        objection, before = _looked_up(connection, command)
    line = None
    if objection:
        say(f"order {command.order_id} cannot be {_participle(options.verb)}: {objection}")
    else:
        _publish(command)
        line = _awaited(command, before)
    done = line is not None and line["what"] != "InterventionIgnored"
    return finish(options, {"order_id": command.order_id, "verb": options.verb, "line": line}, _show, done=done)


def _participle(verb: str) -> str:
    return {"retry": "retried"}.get(verb, f"{verb}d")


def _looked_up(connection: Snapshot, command: Intervention) -> tuple[str | None, Lines]:
    """Return why it cannot be done, if it cannot, and how long the order's timelines are."""
    journeys = JourneyTables(connection)
    journeys.look_at(command)
    try:
        objection = journeys.objection(command)
    except UnknownJourney:
        objection = "it has no journey"
    versions = {one: journey.version for one, journey in journeys.journeys.items()}
    return objection, {one: versions.get(one, 0) for one in journeys_of(command)}


def _publish(command: Intervention) -> None:
    """Hand the command to RabbitMQ and have it confirmed; raises `ServerAway`."""
    now, message = datetime.now(UTC), first_cause(uuid4(), command, command.order_id)
    with broker.channel() as channel:
        for destination in destinations(type(command)):
            body = Envelope(destination, (message.to_json(),)).to_wire(message.id, now)
            properties = pika.BasicProperties(
                message_id=str(message.id), delivery_mode=2, timestamp=int(time.time()), headers={"messages": 1}
            )
            try:
                channel.basic_publish("", destination.queue, body, properties, mandatory=True)
            except (UnroutableError, NackError) as problem:
                raise ServerAway(f"RabbitMQ did not take it for {destination.queue}: has a worker run?") from problem


def _awaited(command: Intervention, before: Lines) -> dict[str, Any] | None:
    """Return the timeline's line about the command; None, and a sentence, if there is none in time."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        with reading("coordination") as connection:
            rows = connection.execute(_LINES, (list(before), command.by, command.why)).fetchall()
        for row in rows:
            if row["sequence"] > before[row["id"]]:
                told = {name: row[name] for name in ("at", "saga", "what")}
                return told | {name: row["payload"][name] for name in ("step", "reason")}
        time.sleep(0.1)
    say(f"sent, but not done within {PATIENCE_SECONDS:.0f} s: it waits for a worker of coordination")
    return None


def _show(document: Mapping[str, Any]) -> None:
    line = document["line"]
    if line:
        told = (line["at"], line["saga"], line["what"], line["step"], line["reason"])
        print("  ".join(cell(value) for value in told if value))
