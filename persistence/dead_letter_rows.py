"""The rows of dead letters within one transaction, in PostgreSQL and in MongoDB."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL
from psycopg.types.json import Jsonb
from pymongo import ASCENDING

from persistence.collections import Document
from persistence.mongo_store import MongoConnection


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters; a field that is None or empty leaves nothing out. Texts may be parts, in any case of letters."""

    status: str | None = "DEAD"
    ids: tuple[UUID, ...] = ()
    message_type: str | None = None
    error: str | None = None
    order_id: UUID | None = None
    died_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """One row of a context's dead letters. `payload` is the message as JSON, or whatever stood in a message's place."""

    context: str
    id: UUID
    queue: str
    actor: str
    message_type: str
    correlation_id: UUID | None
    payload: Any
    attempts: int
    error: str
    traceback: str
    status: str
    died_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None


def rows_of(context: str, transaction: Any) -> "PostgresRows | MongoRows":
    """Return the dead letters that a store's transaction sees."""
    connection = transaction.connection
    mongo = isinstance(connection, MongoConnection)
    return MongoRows(context, connection) if mongo else PostgresRows(context, connection)


_SELECT = SQL(
    "SELECT id, queue, actor, message_type, correlation_id, payload, attempts, error, traceback, status, died_at,"
    " resolved_at, resolved_by, note FROM dead_letters WHERE "
)

_CONDITIONS = {
    "status": SQL("status = %s"),
    "ids": SQL("id = ANY(%s)"),
    "message_type": SQL("position(lower(%s) in lower(message_type)) > 0"),
    "error": SQL("position(lower(%s) in lower(error)) > 0"),
    "order_id": SQL("correlation_id = %s"),
    "died_before": SQL("died_at < %s"),
}


class PostgresRows:
    """Dead letters in PostgreSQL."""

    def __init__(self, context: str, connection: Connection[Any]) -> None:
        self._context = context
        self._connection = connection

    def find(self, wanted: Wanted, limit: int | None) -> list[Letter]:
        """Return the letters, oldest first."""
        asked = {name: value for name in _CONDITIONS if (value := getattr(wanted, name))}
        where = SQL(" AND ").join([SQL("true"), *(_CONDITIONS[name] for name in asked)])
        query = _SELECT + where + SQL(" ORDER BY died_at, id LIMIT %s")
        values = [list(value) if isinstance(value, tuple) else value for value in asked.values()]
        cursor = self._connection.cursor(row_factory=dict_row)
        return [_letter(self._context, row) for row in cursor.execute(query, [*values, limit])]

    def dead(self, ids: Sequence[UUID]) -> list[Letter]:
        """Lock and return those that are dead, in one order: of two operators the later one waits, and finds none."""
        query = _SELECT + SQL("id = ANY(%s) AND status = 'DEAD' ORDER BY id FOR UPDATE")
        cursor = self._connection.cursor(row_factory=dict_row)
        return [_letter(self._context, row) for row in cursor.execute(query, [list(ids)])]

    def settle(self, letter: Letter, status: str, *, mended: bool) -> bool:
        """Write status and resolution, and the payload of one that was mended; False if it was not dead any more."""
        if mended:
            self._connection.execute(
                "UPDATE dead_letters SET payload = %s WHERE id = %s AND status = 'DEAD'",
                (Jsonb(letter.payload), letter.id),
            )
        changed = self._connection.execute(
            "UPDATE dead_letters SET status = %s, resolved_at = %s, resolved_by = %s, note = %s"
            " WHERE id = %s AND status = 'DEAD'",
            (status, letter.resolved_at, letter.resolved_by, letter.note, letter.id),
        )
        return changed.rowcount == 1


class MongoRows:
    """Dead letters in MongoDB."""

    def __init__(self, context: str, connection: MongoConnection) -> None:
        self._context = context
        self._collection = connection.database["dead_letters"]
        self._session = connection.session

    def find(self, wanted: Wanted, limit: int | None) -> list[Letter]:
        """Return the letters, oldest first."""
        conditions: Document = {
            "status": wanted.status,
            "_id": {"$in": list(wanted.ids)} if wanted.ids else None,
            "message_type": _containing(wanted.message_type),
            "error": _containing(wanted.error),
            "correlation_id": wanted.order_id,
            "died_at": {"$lt": wanted.died_before} if wanted.died_before else None,
        }
        query = {name: condition for name, condition in conditions.items() if condition}
        cursor = self._collection.find(query, session=self._session).sort([("died_at", ASCENDING), ("_id", ASCENDING)])
        return [_letter(self._context, _row(document)) for document in cursor.limit(limit or 0)]

    def dead(self, ids: Sequence[UUID]) -> list[Letter]:
        """Return those that are dead. Nothing is locked: of two that settle one letter MongoDB aborts one."""
        query = {"_id": {"$in": list(ids)}, "status": "DEAD"}
        found = self._collection.find(query, session=self._session).sort("_id", ASCENDING)
        return [_letter(self._context, _row(document)) for document in found]

    def settle(self, letter: Letter, status: str, *, mended: bool) -> bool:
        """Write status and resolution, and the payload of one that was mended; False if it was not dead any more."""
        changes: Document = {
            "status": status,
            "resolved_at": letter.resolved_at,
            "resolved_by": letter.resolved_by,
            "note": letter.note,
        }
        if mended:
            # As text: BSON knows no integers over 64 bits.
            changes["payload"] = orjson.dumps(letter.payload).decode()
        key = {"_id": letter.id, "status": "DEAD"}
        return self._collection.update_one(key, {"$set": changes}, session=self._session).modified_count == 1


def _containing(text: str | None) -> Document | None:
    return {"$regex": re.escape(text), "$options": "i"} if text else None


def _row(document: Mapping[str, Any]) -> Document:
    names = [name for name in Letter.__dataclass_fields__ if name not in ("context", "id")]
    return {"id": document["_id"], **{name: document.get(name) for name in names}}


def _letter(context: str, row: Mapping[str, Any]) -> Letter:
    return Letter(context, **{**row, "payload": _payload(row["payload"])})


def _payload(stored: Any) -> Any:
    """Return JSON. What jsonb or BSON cannot hold was stored as a text of it; another text stood there itself."""
    try:
        return orjson.loads(stored) if isinstance(stored, str) else stored
    except orjson.JSONDecodeError:
        return stored
