"""A context's MongoDB database as the runtime sees it: transactions with an inbox, an outbox and dead letters."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import bson
from bson.errors import InvalidDocument
from pymongo import ASCENDING, InsertOne, UpdateMany, UpdateOne, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, ConnectionFailure, OperationFailure, PyMongoError, WriteError
from pymongo.read_concern import ReadConcern

from contexts.messages import Destination
from persistence.collections import Document
from persistence.databases import notifications_database
from persistence.parcels import RELAY_GRACE_SECONDS, DeadLetter, Parcel, separate

#: Seconds that a sweeper keeps what it claimed.
CLAIM_SECONDS = 30

Operation = InsertOne[Document] | UpdateOne | UpdateMany

_DUPLICATE_KEY = 11000

#: Message ids that are remembered as unseen. Far more than batches at work have are what failed work left behind.
_MOST_REMEMBERED = 10_000


class OvertakenError(Exception):
    """Raised when another transaction inserted the same key in the meantime; repeated, the work finds it there."""


@dataclass(frozen=True, slots=True)
class MongoConnection:
    """A database, and the session whose transaction is under way in it."""

    database: Database[Document]
    session: ClientSession

    def write(self, collection: str, operations: Sequence[Operation]) -> None:
        """Carry out operations in one round trip; raises `OvertakenError` for a unique key that is there already."""
        if not operations:
            return
        try:
            self.database[collection].bulk_write(operations, session=self.session)
        except BulkWriteError as error:
            failed = error.details["writeErrors"]
            if any(one["code"] == _DUPLICATE_KEY for one in failed):
                raise OvertakenError(f"{collection}: {failed[0]['errmsg']}") from error
            raise

    def find(self, collection: str, query: Document, fields: Sequence[str] | None = None) -> list[Document]:
        """Return documents as of the transaction's begin, with what it wrote itself."""
        return self.database[collection].find(query, fields, session=self.session).to_list()


@dataclass(frozen=True, slots=True)
class MongoTransaction:
    """One transaction. Repositories read and write through its connection."""

    connection: MongoConnection
    found_unseen: set[UUID]  # by transactions before this one, within this process

    def receive(self, ids: Sequence[UUID]) -> set[UUID]:
        """Enter message ids in the inbox; return those that were not there before. Raises `OvertakenError`.

        A duplicate key ends the whole transaction, so it looks first. For what was looked for just now it is spared
        that, once: if another was faster meanwhile, the work is repeated, and then it looks.
        """
        fresh = set(ids) if self.found_unseen.issuperset(ids) else self.unseen(ids)
        self.found_unseen.difference_update(ids)
        now = datetime.now(UTC)
        entries = [InsertOne({"_id": identity, "received_at": now}) for identity in sorted(fresh)]
        self.connection.write("inbox", entries)
        return fresh

    def unseen(self, ids: Sequence[UUID]) -> set[UUID]:
        """Return the ids that are not in the inbox, without entering them."""
        seen = {found["_id"] for found in self.connection.find("inbox", {"_id": {"$in": list(ids)}}, ["_id"])}
        unseen = set(ids) - seen
        self.found_unseen.update(unseen)
        return unseen

    def forget(self, ids: Sequence[UUID]) -> None:
        """Take ids out of the inbox again: their messages are to be tried once more."""
        self.connection.database["inbox"].delete_many({"_id": {"$in": list(ids)}}, session=self.connection.session)

    def send(self, parcels: Sequence[Parcel]) -> None:
        """Put parcels into the outbox. A parcel that is there already is left as it is."""
        now = datetime.now(UTC)
        self.connection.write("outbox", [_kept({"_id": parcel.id}, {}, _outbox(parcel, now)) for parcel in parcels])

    def bury(self, letter: DeadLetter) -> None:
        """Keep a message that failed for the last time; one that died before is dead again."""
        death = {
            "status": "DEAD",
            "attempts": letter.attempts,
            "error": letter.error,
            "traceback": letter.traceback,
            "died_at": letter.died_at,
        }
        message = {
            "queue": letter.destination.queue,
            "actor": letter.destination.actor,
            "message_type": letter.message_type,
            "correlation_id": letter.correlation_id,
            "payload": _storable(letter.payload),
        }
        self.connection.write("dead_letters", [_kept({"_id": letter.id}, death, message)])


class MongoStore:
    """The database of the notifications; safe to use from many threads. Open one a process, after the fork."""

    def __init__(self, context: str = "notifications", database: Database[Document] | None = None) -> None:
        self.context = context
        opened = notifications_database() if database is None else database
        self._database = opened.with_options(write_concern=WriteConcern("majority"))
        self._found_unseen: set[UUID] = set()

    @contextmanager
    def transaction(self) -> Iterator[MongoTransaction]:
        """Open a transaction that commits when the block ends and is aborted when it raises.

        It sees the database as it was at its first read; one that writes what another wrote since is aborted.
        """
        with (
            self._database.client.start_session() as session,
            session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority")),
        ):
            if len(self._found_unseen) > _MOST_REMEMBERED:
                self._found_unseen.clear()
            yield MongoTransaction(MongoConnection(self._database, session), self._found_unseen)

    def is_passing_fault(self, error: BaseException) -> bool:
        """Whether the fault is the database's (down, restarted, write conflict), so that the same work may be repeated.

        After a commit whose answer was lost too: if it did commit, the inbox shows that when the work is repeated.
        """
        if isinstance(error, PyMongoError):
            labels = ("TransientTransactionError", "UnknownTransactionCommitResult")
            return isinstance(error, ConnectionFailure) or any(error.has_error_label(label) for label in labels)
        return isinstance(error, OvertakenError)

    def is_unusable(self, error: BaseException) -> bool:
        """Whether no message at all can be written now: as above, or the server takes no writes, or not from us."""
        about_a_document = isinstance(error, WriteError | BulkWriteError)
        return self.is_passing_fault(error) or (isinstance(error, OperationFailure) and not about_a_document)

    def delete_sent(self, ids: Sequence[UUID]) -> None:
        """Delete parcels that RabbitMQ has confirmed. A deletion that is lost in a crash is only a repeated publish."""
        self._outbox.with_options(write_concern=WriteConcern(1)).delete_many({"_id": {"$in": list(ids)}})

    def claim_due(self, limit: int) -> list[Parcel]:
        """Take parcels whose time has come, for half a minute, so that two sweepers never take the same.

        Each parcel is claimed by an atomic update of its own, and only where it is still due: of two sweepers that saw
        it, the later one leaves it.
        """
        now, claim = datetime.now(UTC), uuid4()
        due = {"available_at": {"$lte": now}}
        seen = self._outbox.find(due, ["_id"]).sort("available_at", ASCENDING).limit(limit)
        ids = {"_id": {"$in": [document["_id"] for document in seen]}}
        if not ids["_id"]["$in"]:
            return []
        self._outbox.update_many(
            ids | due, {"$set": {"available_at": now + timedelta(seconds=CLAIM_SECONDS), "claimed_by": claim}}
        )
        return [_parcel(document) for document in self._outbox.find(ids | {"claimed_by": claim})]

    def prune_inbox(self, older_than_seconds: float) -> int:
        """Forget messages received so long ago that no copy of them can be on its way; return how many."""
        oldest = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
        return self._database["inbox"].delete_many({"received_at": {"$lt": oldest}}).deleted_count

    def close(self) -> None:
        """Close all connections."""
        self._database.client.close()

    @property
    def _outbox(self) -> Collection[Document]:
        return self._database["outbox"]


def _kept(key: Document, changes: Document, first: Document) -> UpdateOne:
    """Update the document of this key, or insert it; `first` is written only when it is inserted."""
    operators = {"$set": changes, "$setOnInsert": first}
    return UpdateOne(key, {name: fields for name, fields in operators.items() if fields}, upsert=True)


def _outbox(parcel: Parcel, now: datetime) -> Document:
    wait = RELAY_GRACE_SECONDS if parcel.after_seconds is None else parcel.after_seconds
    return {
        "queue": parcel.destination.queue,
        "actor": parcel.destination.actor,
        "payload": b"[%s]" % b",".join(parcel.messages),
        "message_count": len(parcel.messages),
        "attempt": parcel.attempt,
        "last_error": parcel.last_error,
        "created_at": now,
        "available_at": now + timedelta(seconds=wait),
    }


def _parcel(document: Document) -> Parcel:
    destination = Destination(document["queue"], document["actor"])
    return Parcel(document["_id"], destination, separate(bytes(document["payload"])), None, document["attempt"])


def _storable(payload: Document) -> Any:
    """Return JSON as it is, or as text where BSON has no such thing (an integer over 64 bits, a NUL in a name)."""
    try:
        bson.encode(payload)
    except (InvalidDocument, OverflowError):
        return json.dumps(payload)
    return payload
