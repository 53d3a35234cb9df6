"""What lies in queues, outboxes, inboxes and dead letters: before the drill, and what of it is new at the end."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from operations import queues
from operations.errors import ServerAway
from operations.stores import POSTGRESQL_CONTEXTS, notifications, reading

#: Seconds in which queues must be found empty: the scheduler ticks meanwhile, and RabbitMQ's figures are seconds old.
PATIENCE = 30.0

_DEAD = "SELECT id, actor, correlation_id, attempts, error FROM dead_letters WHERE status = 'DEAD'"


@dataclass(frozen=True)
class Stores:
    """The state of all boxes at one moment: envelopes by queue, rows by context, and each dead letter in words."""

    queues: dict[str, int]
    outboxes: dict[str, int]
    inboxes: dict[str, int]
    dead: dict[UUID, str]


def look() -> Stores:
    """Look at everything once; raises `ServerAway`."""
    document, away = queues.look()
    if away:
        raise ServerAway("; ".join(away))
    return Stores(
        {
            one["queue"]: (one.get("ready") or 0) + (one.get("unacknowledged") or 0)
            for one in document["queues"]
            if one["declared"]
        },
        {one["context"]: one["outbox_due"] + one["outbox_later"] for one in document["contexts"]},
        {one["context"]: one["inbox"] for one in document["contexts"]},
        _dead_letters(),
    )


def look_when_quiet() -> Stores:
    """Look until queues and outboxes are empty, or for `PATIENCE` seconds; raises `ServerAway`."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = look()
        if time.monotonic() > deadline or not (any(found.queues.values()) or any(found.outboxes.values())):
            return found
        time.sleep(1)


def unexplained(before: Stores, after: Stores) -> list[str]:
    """Return a sentence for each queue, outbox and dead letter that holds what it did not hold before."""
    sentences = [
        f"queue {name} holds {count} envelopes, {before.queues.get(name, 0)} before the drill"
        for name, count in after.queues.items()
        if count > before.queues.get(name, 0)
    ]
    sentences += [
        f"the outbox of {context} holds {count} envelopes, {before.outboxes.get(context, 0)} before the drill"
        for context, count in after.outboxes.items()
        if count > before.outboxes.get(context, 0)
    ]
    return sentences + [said for letter, said in after.dead.items() if letter not in before.dead]


def as_json(before: Stores, after: Stores, orders: int) -> dict[str, Any]:
    """Return what stands in the JSON file. An inbox keeps each message it has seen for a week: it grows by orders."""
    return {
        "queues": {name: count for name, count in after.queues.items() if count},
        "outboxes": {context: count for context, count in after.outboxes.items() if count},
        "dead_letters": sum(letter not in before.dead for letter in after.dead),
        "inbox_rows_per_order": {
            context: round((count - before.inboxes.get(context, 0)) / max(orders, 1), 2)
            for context, count in after.inboxes.items()
        },
    }


def _dead_letters() -> dict[UUID, str]:
    found: dict[UUID, str] = {}
    for context in POSTGRESQL_CONTEXTS:
        with reading(context) as connection:
            for row in connection.execute(_DEAD):
                found[row["id"]] = _sentence(context, row)
    with notifications() as database:
        for letter in database["dead_letters"].find({"status": "DEAD"}):
            found[letter["_id"]] = _sentence("notifications", letter)
    return found


def _sentence(context: str, letter: Any) -> str:
    about, attempts = letter.get("correlation_id"), letter.get("attempts")
    return f"order {about}: dead in {context} at {letter['actor']} after {attempts} attempts: {letter['error'][:300]}"
