"""`ops queues`: what waits in RabbitMQ, and what waits in the contexts' own databases."""

import argparse
import signal
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from contexts.subscriptions import QUEUES
from operations import broker
from operations.commands import Commands, add, at_least_one, finish
from operations.errors import WrongUse
from operations.peeking import peeked
from operations.printing import say_all, table
from operations.stores import CONTEXTS, POSTGRESQL_CONTEXTS, from_each, notifications, reading
from operations.times import spoken

EPILOG = """\
Rates are envelopes a second, over RabbitMQ's last five seconds. An envelope carries one or more messages: how many are
in the outboxes is always told, how many are ready in the queues with --messages. `due` is what a relay takes at its
next sweep; `later` was written just now, or waits for another attempt (`retries`).

--messages looks at the first 1,000 envelopes of each queue that workers consume, and adds up how many messages their
headers name; of a longer queue it says "about". It also tells the oldest one's age, to the second. RabbitMQ hands the
envelopes out for that and takes them back to their places, marked as redelivered. That harms nothing here: no worker
reads the mark, messages may overtake each other at any time, and each is done once however often it is delivered.

examples:
  scripts/ops queues
  scripts/ops queues --messages
  scripts/ops queues --watch 5
  scripts/ops queues --json | jq '.contexts[] | select(.dead_letters > 0)'
"""

#: Rows that are counted one by one; of a larger inbox PostgreSQL's own estimate is told.
COUNTED_EXACTLY = 100_000

_BOXES = """
    SELECT count(*) FILTER (WHERE available_at <= now()) AS outbox_due,
           count(*) FILTER (WHERE available_at > now()) AS outbox_later,
           count(*) FILTER (WHERE attempt > 0) AS outbox_retries,
           coalesce(sum(message_count), 0)::bigint AS outbox_messages,
           CASE WHEN count(*) > 0 THEN greatest(extract(epoch FROM now() - min(created_at)), 0)::float END
               AS outbox_oldest_seconds,
           (SELECT count(*) FROM dead_letters WHERE status = 'DEAD') AS dead_letters
    FROM outbox
"""
_INBOX = "SELECT count(*) AS inbox FROM (SELECT FROM inbox LIMIT %s) AS counted"
_INBOX_ESTIMATE = "SELECT reltuples::bigint AS inbox FROM pg_class WHERE oid = 'inbox'::regclass"

_QUEUE_COLUMNS = ("queue", "ready", "messages", "unacked", "consumers", "in/s", "out/s", "acked/s", "oldest")
_CONTEXT_COLUMNS = ("context", "due", "later", "retries", "messages", "oldest", "inbox", "dead letters")


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add(commands, "queues", run, "show queues, outboxes, inboxes and dead letters", EPILOG)
    parser.add_argument("--messages", action="store_true", help="count the messages in the queues, by peeking at them")
    parser.add_argument("--watch", type=at_least_one, metavar="SECONDS", help="show them anew every so often")


def run(options: argparse.Namespace) -> int:
    """Show them once, or until Ctrl-C."""
    if options.watch is None:
        document, away = look(options.messages)
        return finish(options, document, show, away)
    if options.json:
        raise WrongUse("--watch prints tables; --json prints one document: choose one of them")
    return _watch(options.watch, options.messages)


def _watch(seconds: int, messages: bool) -> int:
    # Nothing here needs tidying up, so Ctrl-C ends it at once, even while a server that hangs is being asked.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    while True:
        document, away = look(messages)
        if sys.stdout.isatty():
            print("\x1b[2J\x1b[H", end="")
        print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, every {seconds} s, Ctrl-C ends it")
        show(document)
        say_all(away)
        sys.stdout.flush()
        time.sleep(seconds)


def look(messages: bool = False) -> tuple[dict[str, Any], list[str]]:
    """Return {"queues": [...], "contexts": [...]}, and who is away; `messages`: peek at the queues' envelopes too."""
    boxes = {name: partial(_postgresql_boxes, name) for name in POSTGRESQL_CONTEXTS} | {"notifications": _mongo_boxes}
    waiting, first_away = from_each({"rabbitmq": partial(_queues, messages)})
    counted, others_away = from_each(boxes)
    contexts = [{"context": name, **counted[name]} for name in CONTEXTS if name in counted]
    return {"queues": waiting.get("rabbitmq", []), "contexts": contexts}, first_away + others_away


def show(document: Mapping[str, Any]) -> None:
    """Print both tables."""
    peeked = any("messages" in queue for queue in document["queues"])
    columns = [name for name in _QUEUE_COLUMNS if peeked or name != "messages"]
    table([_queue_row(queue) for queue in document["queues"]], columns, "RabbitMQ")
    table([_context_row(one) for one in document["contexts"]], _CONTEXT_COLUMNS, "outbox, inbox, dead letters")


def _queues(messages: bool) -> list[dict[str, Any]]:
    """Our queues in the contexts' order, then whatever else is there; one that nobody declared yet is told too."""
    found = {queue["name"]: _queue(queue) for queue in broker.queues()}
    ours = [f"{queue}{suffix}" for queue in QUEUES for suffix in ("", ".queries", ".XQ", ".queries.XQ")]
    missing = {name: {"queue": name, "declared": False} for name in QUEUES if name not in found}
    order = {name: place for place, name in enumerate(ours)}
    if messages:
        for name in found.keys() & {name for name in ours if not name.endswith(".XQ")}:
            found[name] |= peeked(name)
    together = found | missing
    return [together[name] for name in sorted(together, key=lambda name: (order.get(name, len(order)), name))]


def _queue(told: Mapping[str, Any]) -> dict[str, Any]:
    statistics = told.get("message_stats", {})
    written = told.get("head_message_timestamp")
    return {
        "queue": told["name"],
        "declared": True,
        "ready": told.get("messages_ready"),
        "unacknowledged": told.get("messages_unacknowledged"),
        "ready_bytes": told.get("message_bytes_ready"),
        "consumers": told.get("consumers"),
        "in_per_second": _rate(statistics, "publish"),
        "out_per_second": _rate(statistics, "deliver_get"),
        "acknowledged_per_second": _rate(statistics, "ack"),
        # Only where the publisher set the property `timestamp`: whole seconds.
        "oldest_seconds": max(0.0, time.time() - written) if written else None,
    }


def _rate(statistics: Mapping[str, Any], name: str) -> float:
    return float(statistics.get(f"{name}_details", {}).get("rate", 0.0))


def _postgresql_boxes(context: str) -> dict[str, Any]:
    with reading(context) as connection:
        boxes = connection.execute(_BOXES).fetchone() or {}
        counted = connection.execute(_INBOX, (COUNTED_EXACTLY + 1,)).fetchone() or {}
        is_estimate = counted["inbox"] > COUNTED_EXACTLY
        if is_estimate:
            estimate = connection.execute(_INBOX_ESTIMATE).fetchone() or counted
            counted["inbox"] = max(estimate["inbox"], counted["inbox"])
    return {**boxes, **counted, "inbox_is_estimate": is_estimate}


def _mongo_boxes() -> dict[str, Any]:
    now = datetime.now(UTC)
    due = {"$cond": [{"$lte": ["$available_at", now]}, 1, 0]}
    sums = {
        "_id": None,
        "rows": {"$sum": 1},
        "due": {"$sum": due},
        "retries": {"$sum": {"$cond": [{"$gt": ["$attempt", 0]}, 1, 0]}},
        "messages": {"$sum": "$message_count"},
        "oldest": {"$min": "$created_at"},
    }
    with notifications() as database:
        found = next(iter(database["outbox"].aggregate([{"$group": sums}])), None)
        dead = database["dead_letters"].count_documents({"status": "DEAD"})
        inbox = database["inbox"].estimated_document_count()
    outbox = found or {"rows": 0, "due": 0, "retries": 0, "messages": 0, "oldest": None}
    return {
        "outbox_due": outbox["due"],
        "outbox_later": outbox["rows"] - outbox["due"],
        "outbox_retries": outbox["retries"],
        "outbox_messages": outbox["messages"],
        "outbox_oldest_seconds": max(0.0, (now - outbox["oldest"]).total_seconds()) if outbox["oldest"] else None,
        "dead_letters": dead,
        "inbox": inbox,
        "inbox_is_estimate": False,
    }


def _queue_row(queue: Mapping[str, Any]) -> dict[str, Any]:
    if not queue["declared"]:
        return {"queue": f"{queue['queue']} (not declared yet)"}
    messages = queue.get("messages")
    return {
        "queue": queue["queue"],
        "ready": queue["ready"],
        "messages": f"about {messages}" if queue.get("messages_is_estimate") else messages,
        "unacked": queue["unacknowledged"],
        "consumers": queue["consumers"],
        "in/s": queue["in_per_second"],
        "out/s": queue["out_per_second"],
        "acked/s": queue["acknowledged_per_second"],
        "oldest": spoken(queue["oldest_seconds"]),
    }


def _context_row(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "context": one["context"],
        "due": one["outbox_due"],
        "later": one["outbox_later"],
        "retries": one["outbox_retries"],
        "messages": one["outbox_messages"],
        "oldest": spoken(one["outbox_oldest_seconds"]),
        "inbox": f"about {one['inbox']}" if one["inbox_is_estimate"] else one["inbox"],
        "dead letters": one["dead_letters"],
    }
