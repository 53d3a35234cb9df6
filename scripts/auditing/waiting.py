"""What is on its way: messages in outboxes, queues that are not empty; and what lies where nothing takes it."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from math import inf
from typing import Any
from uuid import UUID

from auditing.stores import Stores
from contexts.subscriptions import QUEUES
from operations import broker
from operations.errors import ServerAway
from operations.stores import POSTGRESQL_CONTEXTS, named

#: Cheaper than decoding: every message of an outbox row names its order so.
_ORDER = re.compile(rb'"correlation_id":"([0-9a-f-]{36})"')

#: Seconds that RabbitMQ's figures may be old: a queue renews its own every five, and these are collected every five.
FIGURES_SECONDS = 10.0

_DEAD = (
    "SELECT coalesce(message_type, 'what is no message'), count(*) FROM dead_letters WHERE status = 'DEAD' GROUP BY 1"
)


def orders(stores: Stores) -> frozenset[UUID]:
    """Return the orders about which a message waits in an outbox: not sent yet, or put aside after a failure."""
    return frozenset(UUID(found.decode()) for payload in _payloads(stores) for found in _ORDER.findall(payload))


def _payloads(stores: Stores) -> Iterator[bytes]:
    for context in POSTGRESQL_CONTEXTS:
        for (payload,) in stores.rows(context, b"SELECT payload FROM outbox"):
            yield bytes(payload)
    with named("notifications"):
        for one in stores.documents["outbox"].find({}, {"payload": 1}):
            yield bytes(one["payload"])


def dead_letters(stores: Stores) -> list[str]:
    """Return a sentence for each context with dead letters: how many, of which types."""
    found: dict[str, Counter[str]] = {
        context: Counter(dict(stores.rows(context, _DEAD.encode()))) for context in POSTGRESQL_CONTEXTS
    }
    by_type: list[dict[str, Any]] = [{"$match": {"status": "DEAD"}}, {"$sortByCount": "$message_type"}]
    with named("notifications"):
        counted = stores.documents["dead_letters"].aggregate(by_type)
        found["notifications"] = Counter({one["_id"] or "what is no message": one["count"] for one in counted})
    return [f"dead letters in {context}: {_listed(kinds)}" for context, kinds in found.items() if kinds]


class Queues:
    """RabbitMQ's queues, seen several times: when each was last empty, and what lies in `.XQ`."""

    def __init__(self) -> None:
        self.away: str | None = None
        self._empty_at: dict[str, float] = {}
        self._parked: dict[str, int] = {}

    def see(self) -> None:
        """Look once more."""
        moment = time.monotonic()
        try:
            counts = {one["name"]: one.get("messages") for one in broker.queues()}
        except ServerAway as problem:
            self.away = str(problem)
            return
        # A queue that nobody declared yet is empty; one without a figure is not known to be.
        self._empty_at.update((name, moment) for name in QUEUES if counts.get(name, 0) == 0)
        self._parked = {name: count for name, count in counts.items() if name.endswith(".XQ") and count}

    def not_drained_since(self, moment: float) -> list[str]:
        """Return the queues in which what was there at a moment (of the monotonic clock) may still be.

        A figure says that a queue was empty within the `FIGURES_SECONDS` before: so much later it must be from.
        """
        return sorted(name for name in QUEUES if self._empty_at.get(name, -inf) < moment + FIGURES_SECONDS)

    def notes(self) -> list[str]:
        """Return sentences for what an operator has to look at."""
        sentences = [f"parked in {name}: {count}" for name, count in sorted(self._parked.items())]
        return [*sentences, f"the queues were not looked at: {self.away}"] if self.away else sentences


def _listed(counts: Counter[str]) -> str:
    return f"{counts.total()} ({', '.join(f'{kind} {count}' for kind, count in counts.most_common())})"
