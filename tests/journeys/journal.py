"""Every message that the contexts sent each other, as their outboxes had it: to see its way, and to send it again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import orjson
import psycopg

from contexts.messages import Destination, Envelope, Message, Stamped
from contexts.subscriptions import destinations
from persistence.databases import POSTGRESQL_CONTEXTS, url_variable

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
    """Return what was sent in the course of these orders, each message to each actor once."""
    wanted = set(correlation_ids)
    found: dict[tuple[str, UUID], Entry] = {}
    for context in POSTGRESQL_CONTEXTS:
        for queue, actor, payload in platform.rows(context, "SELECT queue, actor, payload FROM journal ORDER BY 1"):
            for fields in orjson.loads(bytes(payload)):
                entry = Entry.of(Destination(queue, actor), orjson.dumps(fields))
                if entry.correlation_id in wanted:
                    found[actor, entry.identity] = entry
    return list(found.values())


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
