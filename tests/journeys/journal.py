"""Every message that the contexts sent each other, as their outboxes had it: to see its way, and to send it again."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import orjson
import psycopg

from contexts.messages import Destination, Envelope, Message, Stamped
from contexts.subscriptions import destinations
from persistence.databases import POSTGRESQL_CONTEXTS, url_variable
from persistence.parcels import separate

from .platform import Platform

#: An outbox row is deleted once it is published; a trigger keeps a copy. A retry is no message of its own.
TRIGGER = """
    CREATE TABLE journal (
        position BIGSERIAL PRIMARY KEY, queue TEXT NOT NULL, actor TEXT NOT NULL, payload BYTEA NOT NULL
    );
    CREATE FUNCTION enter_in_journal() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO journal (queue, actor, payload) VALUES (NEW.queue, NEW.actor, NEW.payload);
        RETURN NULL;
    END $$;
    CREATE TRIGGER keep AFTER INSERT ON outbox FOR EACH ROW WHEN (NEW.attempt = 0) EXECUTE FUNCTION enter_in_journal()
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message to one actor."""

    destination: Destination
    identity: UUID
    correlation_id: UUID
    encoded: bytes

    @classmethod
    def of(cls, destination: Destination, encoded: bytes) -> "Entry":
        fields = orjson.loads(encoded)
        return cls(destination, UUID(fields["id"]), UUID(fields["correlation_id"]), encoded)


def keep_journals(platform: Platform) -> None:
    """Let every PostgreSQL outbox keep a journal. That of the notifications stays empty: they send nothing."""
    for context in POSTGRESQL_CONTEXTS:
        with psycopg.connect(platform.variables[url_variable(context)], autocommit=True) as connection:
            connection.execute(TRIGGER)


def entries(platform: Platform, correlation_ids: Iterable[UUID]) -> list[Entry]:
    """Return what was sent in the course of these orders: each message to each actor as often as it was sent."""
    wanted, found = set(correlation_ids), []
    for context in POSTGRESQL_CONTEXTS:
        rows = platform.rows(context, "SELECT queue, actor, payload FROM journal ORDER BY position")
        for queue, actor, payload in rows:
            made = (Entry.of(Destination(queue, actor), one) for one in separate(bytes(payload)))
            found += [entry for entry in made if entry.correlation_id in wanted]
    return found


def sent_twice(platform: Platform, correlation_ids: Iterable[UUID]) -> list[str]:
    """Return every message of these orders that was sent more than once, as sentences: its cause was done again.

    What a message changes and what it sends are one transaction, so that this tells of every second effect, also of
    one that the next actor forgave.
    """
    counted = Counter((entry.destination.actor, entry.identity) for entry in entries(platform, correlation_ids))
    return [f"message {identity} was sent to {actor} {n} times" for (actor, identity), n in counted.items() if n > 1]


def first(message: Message, identity: UUID, order_id: UUID) -> list[Entry]:
    """Return a message that comes from outside, as every actor that it goes to gets it."""
    stamped = Stamped(identity, message, order_id, None, datetime.now(UTC))
    return [Entry.of(destination, stamped.to_json()) for destination in destinations(type(message))]


def deliver(platform: Platform, deliveries: Sequence[Entry], copies: int = 1, together: int = 1) -> None:
    """Deliver messages, so many together in one envelope, and each in it so many times."""
    now = datetime.now(UTC)
    by_destination: dict[Destination, list[bytes]] = {}
    for entry in deliveries:
        by_destination.setdefault(entry.destination, []).append(entry.encoded)
    by_queue: dict[str, list[bytes]] = {}
    for destination, encoded in by_destination.items():
        for begin in range(0, len(encoded), together):
            envelope = Envelope(destination, tuple(encoded[begin : begin + together]) * copies)
            by_queue.setdefault(destination.queue, []).append(envelope.to_wire(uuid4(), now))
    for queue, bodies in by_queue.items():
        platform.host.put(queue, *bodies)
