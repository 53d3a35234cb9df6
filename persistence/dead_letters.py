"""Dead letters as an operator sees them: found by filter, then sent once more or given up, each once.

A message id is one letter a context: an event that two contexts hear may be dead in both.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson

from contexts.identity import named
from contexts.messages import Destination, MalformedMessage, Stamped
from contexts.subscriptions import actor_address
from persistence.dead_letter_rows import Letter, Wanted, rows_of
from persistence.mongo_store import MongoStore
from persistence.parcels import Parcel
from persistence.postgres_store import PostgresStore

__all__ = ["DeadLetters", "Letter", "NotSendable", "Resolution", "Settled", "Wanted", "sendable"]

#: What stands in the note of a mended letter before the message as it was.
WAS = "mended; it was "

#: How often a transaction that another one got in the way of is repeated.
ATTEMPTS = 20

Result = TypeVar("Result")


class NotSendable(ValueError):
    """Raised when what a letter holds, or what is to replace it, is no message that the letter's actor takes."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """Who settles letters, and why."""

    by: str
    note: str | None


@dataclass(slots=True)
class Settled:
    """What became of letters: done, or refused with the reason. What is in neither was not DEAD any more."""

    done: list[UUID] = field(default_factory=list)
    refused: dict[UUID, str] = field(default_factory=dict)


class DeadLetters:
    """The dead letters of one context's store; close it in the end. Raises what the database's driver raises."""

    def __init__(self, context: str) -> None:
        self.context = context
        self._store: Any = MongoStore(context) if context == "notifications" else PostgresStore(context, connections=1)

    def find(self, wanted: Wanted, limit: int | None = None) -> list[Letter]:
        """Return the letters, those that died first coming first."""
        return self._in_transaction(lambda transaction: rows_of(self.context, transaction).find(wanted, limit))

    def retry(self, ids: Sequence[UUID], resolution: Resolution, mended: dict[str, Any] | None = None) -> Settled:
        """Send dead letters' messages to their actors again, as first attempts, in one transaction with the status.

        `mended` replaces the body, or the whole message if it has a `type` and a `body`; the message's id stays.
        """
        return self._in_transaction(lambda transaction: self._send_again(transaction, ids, resolution, mended))

    def discard(self, ids: Sequence[UUID], resolution: Resolution) -> Settled:
        """Give dead letters up. Their rows stay."""

        def give_up(transaction: Any) -> Settled:
            rows = rows_of(self.context, transaction)
            return Settled(
                [one.id for one in rows.dead(ids) if rows.settle(_resolved(one, resolution), "DISCARDED", mended=False)]
            )

        return self._in_transaction(give_up)

    def close(self) -> None:
        """Close all connections."""
        self._store.close()

    def _send_again(
        self, transaction: Any, ids: Sequence[UUID], resolution: Resolution, mended: dict[str, Any] | None
    ) -> Settled:
        rows, settled = rows_of(self.context, transaction), Settled()
        for letter in rows.dead(ids):
            try:
                payload = sendable(letter, mended)
            except NotSendable as refusal:
                settled.refused[letter.id] = str(refusal)
                continue
            resolved = _resolved(letter, resolution, None if mended is None else payload)
            if rows.settle(resolved, "RETRIED", mended=mended is not None):
                transaction.send([_parcel(letter, payload)])
                settled.done.append(letter.id)
        return settled

    def _in_transaction(self, work: Callable[[Any], Result]) -> Result:
        """Commit the work. MongoDB aborts one of two that write the same letter: repeated, it sees the other's."""
        attempt = 1
        while True:
            try:
                with self._store.transaction() as transaction:
                    return work(transaction)
            except Exception as error:
                overtaken = getattr(error, "has_error_label", lambda _: False)("TransientTransactionError")
                if not overtaken or attempt == ATTEMPTS:
                    raise
            time.sleep(0.02 * attempt)
            attempt += 1


def sendable(letter: Letter, mended: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the message to send again, its attempt 0; raises `NotSendable`."""
    fields = letter.payload if mended is None else _with_mended(letter, mended)
    if not isinstance(fields, dict):
        raise NotSendable("it is no JSON object: only a whole message can take its place")
    fields = {**fields, "attempt": 0}
    try:
        message = type(Stamped.from_dict(fields).body)
    except MalformedMessage as error:
        raise NotSendable(str(error)) from error
    if actor_address(letter.context, message) != Destination(letter.queue, letter.actor):
        raise NotSendable(f"{message.wire_name} is not what {letter.actor} on queue {letter.queue} takes")
    return fields


def _with_mended(letter: Letter, mended: dict[str, Any]) -> Any:
    """Return the whole message, under the id that it had: what it causes is named after that."""
    if b"\\u0000" in orjson.dumps(mended):
        raise NotSendable("it holds a NUL, which the stores cannot keep")
    if {"type", "body"} <= mended.keys():
        return {**mended, "id": _identity(letter)}
    return {**letter.payload, "body": mended, "id": _identity(letter)} if isinstance(letter.payload, dict) else None


def _identity(letter: Letter) -> str:
    """The message's own id, where it can be read, else the letter's."""
    try:
        return str(UUID(letter.payload["id"]))
    except (KeyError, ValueError, TypeError, AttributeError):
        return str(letter.id)


def _parcel(letter: Letter, payload: dict[str, Any]) -> Parcel:
    # Named after this death, so that even two rows for one retry would be one.
    identity = named(letter.id, f"retry of {letter.died_at.isoformat()}")
    return Parcel(identity, Destination(letter.queue, letter.actor), (orjson.dumps(payload),), after_seconds=0)


def _resolved(letter: Letter, resolution: Resolution, payload: dict[str, Any] | None = None) -> Letter:
    """Return the letter with who, when and why; one that is mended keeps in its note what it was."""
    before = None if payload is None else f"{WAS}{orjson.dumps(letter.payload).decode()}"
    note = "\n".join(line for line in (letter.note, resolution.note, before) if line) or None
    now, kept = datetime.now(UTC), letter.payload if payload is None else payload
    return replace(letter, payload=kept, resolved_at=now, resolved_by=resolution.by, note=note)
