"""A context's PostgreSQL database as the runtime sees it: transactions with an inbox, an outbox and dead letters."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy
from psycopg import Connection

from contexts.messages import Destination
from persistence.databases import engine
from persistence.parcels import RELAY_GRACE_SECONDS, DeadLetter, Parcel, separate
from persistence.setwise import Overtaken, json_text

#: Seconds that one statement of a worker may take, waiting for row locks included.
STATEMENT_SECONDS = 60

#: SQLSTATEs that psycopg counts as operational although the work itself is at fault and fails whenever it is repeated:
#: class 54, program limit exceeded, and 57014, the time limit of a statement.
_FAULTS_OF_THE_STATEMENT = ("54", "57014")

#: SQLSTATE classes that are no message's fault: wrong transaction state (a read-only standby), rights, missing tables.
_FAULTS_OF_THE_DATABASE = ("25", "28", "3D", "3F", "42")


@dataclass(frozen=True, slots=True)
class PostgresTransaction:
    """One transaction. Repositories read and write through its connection."""

    connection: Connection[Any]

    def receive(self, ids: Sequence[UUID]) -> set[UUID]:
        """Enter message ids in the inbox; return those that were not there before."""
        wanted = set(ids)
        # In one order everywhere, so that two batches that share messages wait for each other and never both.
        entered = self.connection.execute(
            "INSERT INTO inbox (id) SELECT unnest(%s::uuid[]) ON CONFLICT DO NOTHING RETURNING id",
            (sorted(wanted, key=attrgetter("int")),),
        )
        # Nearly always all are new: then nobody need read which.
        return wanted if entered.rowcount == len(wanted) else {row[0] for row in entered}

    def unseen(self, ids: Sequence[UUID]) -> set[UUID]:
        """Return the ids that are not in the inbox, without entering them."""
        rows = self.connection.execute("SELECT id FROM inbox WHERE id = ANY(%s)", (list(ids),))
        return set(ids) - {row[0] for row in rows}

    def forget(self, ids: Sequence[UUID]) -> None:
        """Take ids out of the inbox again: their messages are to be tried once more."""
        self.connection.execute("DELETE FROM inbox WHERE id = ANY(%s)", (list(ids),))

    def send(self, parcels: Sequence[Parcel]) -> None:
        """Put parcels into the outbox. A parcel that is there already is left as it is."""
        for parcel in parcels:
            self.connection.execute(
                "INSERT INTO outbox (id, queue, actor, payload, message_count, attempt, last_error, available_at)"
                " VALUES (%s, %s, %s, %b, %s, %s, %s, now() + make_interval(secs => %s)) ON CONFLICT DO NOTHING",
                (
                    parcel.id,
                    parcel.destination.queue,
                    parcel.destination.actor,
                    b"[%s]" % b",".join(parcel.messages),
                    len(parcel.messages),
                    parcel.attempt,
                    _text(parcel.last_error),
                    RELAY_GRACE_SECONDS if parcel.after_seconds is None else parcel.after_seconds,
                ),
            )

    def bury(self, letter: DeadLetter) -> None:
        """Keep a message that failed for the last time; one that died before is dead again."""
        self.connection.execute(
            "INSERT INTO dead_letters"
            " (id, queue, actor, message_type, correlation_id, payload, attempts, error, traceback)"
            " VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET status = 'DEAD',"
            " attempts = excluded.attempts, error = excluded.error, traceback = excluded.traceback, died_at = now()",
            (
                letter.id,
                letter.destination.queue,
                letter.destination.actor,
                _text(letter.message_type),
                letter.correlation_id,
                _jsonb(letter.payload),
                letter.attempts,
                _text(letter.error),
                _text(letter.traceback),
            ),
        )


class PostgresStore:
    """The database of one context; safe to use from many threads, one connection a transaction."""

    def __init__(self, context: str, connections: int = 8) -> None:
        self.context = context
        self._engine: sqlalchemy.Engine = engine(context, connections, STATEMENT_SECONDS)

    @contextmanager
    def transaction(self) -> Iterator[PostgresTransaction]:
        """Open a transaction that commits when the block ends and rolls back when it raises."""
        pooled = self._engine.raw_connection()
        try:
            connection: Any = pooled.driver_connection
            yield PostgresTransaction(connection)
            connection.commit()
        except BaseException:
            if connection.closed or connection.broken:
                pooled.invalidate()
                # Most likely its idle sisters are broken too: they are closed before each costs a transaction.
                self._engine.dispose()
            else:
                connection.rollback()
            raise
        finally:
            pooled.close()

    def is_passing_fault(self, error: BaseException) -> bool:
        """Whether the work may simply be repeated: the database is down or was restarted, or others were in the way."""
        if isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith(_FAULTS_OF_THE_STATEMENT):
            return False
        return isinstance(
            error,
            psycopg.OperationalError | sqlalchemy.exc.OperationalError | sqlalchemy.exc.TimeoutError | Overtaken,
        )

    def is_unusable(self, error: BaseException) -> bool:
        """Whether no message at all can be written now: as above, or read-only, without its tables, without rights."""
        state = error.sqlstate if isinstance(error, psycopg.Error) else None
        return self.is_passing_fault(error) or bool(state and state.startswith(_FAULTS_OF_THE_DATABASE))

    def delete_sent(self, ids: Sequence[UUID]) -> None:
        """Delete parcels that RabbitMQ has confirmed. Not waited for on disk: one lost is only a repeated publish."""
        with self.transaction() as transaction:
            transaction.connection.execute("SET LOCAL synchronous_commit = off")
            transaction.connection.execute("DELETE FROM outbox WHERE id = ANY(%s)", (list(ids),))

    def claim_due(self, limit: int) -> list[Parcel]:
        """Take parcels whose time has come, for half a minute, so that two sweepers never take the same."""
        with self.transaction() as transaction:
            rows = transaction.connection.execute(
                "UPDATE outbox SET available_at = now() + interval '30 seconds' WHERE id IN (SELECT id FROM outbox"
                " WHERE available_at <= now() ORDER BY available_at LIMIT %s FOR UPDATE SKIP LOCKED)"
                " RETURNING id, queue, actor, payload, attempt",
                (limit,),
            ).fetchall()
        return [Parcel(row[0], Destination(row[1], row[2]), separate(bytes(row[3])), None, row[4]) for row in rows]

    def prune_inbox(self, older_than_seconds: float) -> int:
        """Forget messages received so long ago that no copy of them can be on its way; return how many."""
        with self.transaction() as transaction:
            return transaction.connection.execute(
                "DELETE FROM inbox WHERE received_at < now() - make_interval(secs => %s)", (older_than_seconds,)
            ).rowcount

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _text(value: str | None) -> str | None:
    """Return a text as PostgreSQL can hold it: without NUL."""
    return value and value.replace("\0", "\\0")


def _jsonb(payload: Any) -> str:
    """Return JSON as it is, or as one JSON string where it has a NUL somewhere, which jsonb does not know."""
    text = json_text(payload)
    return json_text(text) if "\\u0000" in text else text
