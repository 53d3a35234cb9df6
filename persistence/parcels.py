"""What a context's store keeps for the runtime: parcels that wait in the outbox, and letters that nobody could read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import orjson

from contexts.messages import Destination, Stamped

#: Seconds that a committed parcel is left to the process that wrote it, before a sweeper takes it for abandoned.
RELAY_GRACE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Parcel:
    """One outbox row: messages for one destination, encoded.

    `after_seconds` delays it (the durable back-off); None means now. `attempt` and `last_error` tell an operator why.
    """

    id: UUID
    destination: Destination
    messages: tuple[bytes, ...]
    after_seconds: float | None = None
    attempt: int = 0
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that failed for the last time, with everything that is needed to mend and retry it.

    `payload` is JSON: what `Stamped.to_dict` returns, or whatever stood in a message's place.
    """

    id: UUID
    destination: Destination
    message_type: str
    correlation_id: UUID | None
    payload: Any
    attempts: int
    error: str
    traceback: str
    died_at: datetime


def parcel(destination: Destination, messages: list[Stamped]) -> Parcel:
    """Wrap messages for one destination."""
    return Parcel(uuid4(), destination, tuple(message.to_json() for message in messages))


def separate(payload: bytes) -> tuple[bytes, ...]:
    """Take the JSON array of an outbox row apart, so that a publisher can tell how many messages it holds."""
    return tuple(orjson.dumps(message) for message in orjson.loads(payload))
