"""What is on its way: messages in outboxes, queues that are not empty; and what lies where nothing takes it."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from auditing.stores import Stores
from contexts.subscriptions import QUEUES
from operations import broker
from operations.errors import ServerAway
from operations.stores import POSTGRESQL_CONTEXTS, named

#: Cheaper than decoding: every message of an outbox row names its order so.
_ORDER = re.compile(rb'"correlation_id":"([0-9a-f-]{36})"')

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
    """RabbitMQ's queues, seen several times: which of them were never empty, and what lies in `.XQ`."""

    def __init__(self) -> None:
        self.away: str | None = None
        self._never_empty: set[str] | None = None
        self._parked: dict[str, int] = {}

    def see(self) -> None:
        """Look once more. RabbitMQ renews its figures every five seconds."""
        try:
            counts = {one["name"]: int(one.get("messages") or 0) for one in broker.queues()}
        except ServerAway as problem:
            self.away = str(problem)
            return
        waiting = {name for name in QUEUES if counts.get(name)}
        self._never_empty = waiting if self._never_empty is None else self._never_empty & waiting
        self._parked = {name: count for name, count in counts.items() if name.endswith(".XQ") and count}

    @property
    def never_empty(self) -> list[str]:
        """The queues in which there was something whenever it was looked."""
        return sorted(self._never_empty or ())

    def notes(self) -> list[str]:
        """Return sentences for what an operator has to look at."""
        sentences = [f"parked in {name}: {count}" for name, count in sorted(self._parked.items())]
        return [*sentences, f"the queues were not looked at: {self.away}"] if self.away else sentences


def _listed(counts: Counter[str]) -> str:
    return f"{counts.total()} ({', '.join(f'{kind} {count}' for kind, count in counts.most_common())})"
