"""The wire format: messages, their stamps, and the envelopes that carry them.

A message is what is said; a stamp says which utterance it is (id, cause, order, attempt). One envelope is one RabbitMQ
message for one actor and carries one or more stamped messages.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple, Self
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from contexts.identity import parsed, within


class MalformedMessage(ValueError):
    """Raised when bytes or JSON from a queue are not a message that this version knows."""


class Value(BaseModel):
    """A part of messages; immutable.

    Unknown fields are ignored, so that a field can be added while old workers still run.
    """

    # What a message holds is a customer's: errors, which are logged and kept with dead letters, do not repeat it.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Message(Value):
    """What one context says to another, told apart by its wire name, e.g. `inventory.ReserveStock.v1`.

    A change that old workers cannot read is a new version beside the old one:
    `class ReserveStockV2(Command, name="ReserveStock", version=2)`.
    """

    context: ClassVar[str]
    wire_name: ClassVar[str]
    actor_name: ClassVar[str]
    queue: ClassVar[str]

    def __init_subclass__(
        cls, *, name: str | None = None, version: int = 1, queue: str | None = None, **kwargs: Any
    ) -> None:
        """Take the words that `__pydantic_init_subclass__` is told too; `object` would not."""
        super().__init_subclass__(**kwargs)

    @classmethod
    def __pydantic_init_subclass__(
        cls, *, name: str | None = None, version: int = 1, queue: str | None = None, **kwargs: Any
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        package, *path = cls.__module__.split(".")
        if package != "contexts" or path[-1:] != ["messages"] or len(path) != 2:
            return
        name = name or cls.__name__
        cls.context = path[0]
        cls.queue = queue or cls.context
        cls.wire_name = f"{cls.context}.{name}.v{version}"
        cls.actor_name = snake_case(name) + (f"_v{version}" if version > 1 else "")
        _KNOWN[cls.wire_name] = cls


class Command(Message):
    """Asks one context to do something; imperative. A refusal is answered by an event, never by an exception."""


class Event(Message):
    """Tells that something happened; past tense. Goes to every listener of `contexts.subscriptions`."""


class JourneyEvent(Event):
    """An event in the journey of one order."""

    order_id: UUID


class Query(Message):
    """Asks a context for a view; answered through Redis under `reply_to`, worthless after its deadline."""

    reply_to: str
    query_id: UUID


_KNOWN: dict[str, type[Message]] = {}


def message_type(wire_name: str) -> type[Message]:
    """Return the class of a wire name; raises `MalformedMessage` for one that this version does not know."""
    try:
        return _KNOWN[wire_name]
    except KeyError:
        raise MalformedMessage(f"no message type is called {wire_name!r}") from None


def snake_case(name: str) -> str:
    """`ReserveStock` -> `reserve_stock`: the actor that handles a message is named after it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


class Stamped(NamedTuple):
    """A message with its stamp.

    `id` is deterministic (uuid5 of cause and role), so that a repeated decision makes the same message again.
    `correlation_id` is the order for everything that belongs to an order. `attempt` counts failed attempts.
    """

    id: UUID
    body: Message
    correlation_id: UUID
    causation_id: UUID | None
    occurred_at: datetime
    attempt: int = 0
    traceparent: str | None = None

    def followed_by(self, bodies: Iterable[Message], at: datetime) -> list["Stamped"]:
        """Stamp what this message caused. The role of each is its type, its order and its place among its like."""
        seen: dict[str, int] = {}
        stamped = []
        for body in bodies:
            role, correlation = body.wire_name, getattr(body, "order_id", self.correlation_id)
            if correlation != self.correlation_id:
                role = f"{role}/{correlation}"
            nth = seen[role] = seen.get(role, 0) + 1
            identity = within(self.id, f"{role}#{nth}")
            stamped.append(Stamped(identity, body, correlation, self.id, at, 0, self.traceparent))
        return stamped

    def tried_again(self) -> Self:
        """Return the same message, one failed attempt later."""
        return self._replace(attempt=self.attempt + 1)

    def to_json(self) -> bytes:
        """Encode as one JSON object."""
        return orjson.dumps(
            {
                "id": self.id,
                "type": self.body.wire_name,
                "occurred_at": self.occurred_at,
                "correlation_id": self.correlation_id,
                "causation_id": self.causation_id,
                "attempt": self.attempt,
                "traceparent": self.traceparent,
                "body": orjson.Fragment(self.body.__pydantic_serializer__.to_json(self.body)),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what `to_json` encodes, for people to read; `from_dict` takes it back."""
        fields: dict[str, Any] = orjson.loads(self.to_json())
        return fields

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Decode what `to_json` encoded, after JSON parsing; raises `MalformedMessage`."""
        try:
            body = message_type(fields["type"]).model_validate(fields["body"])
            return cls(
                parsed(fields["id"]),
                body,
                parsed(fields["correlation_id"]),
                parsed(fields["causation_id"]) if fields["causation_id"] else None,
                datetime.fromisoformat(fields["occurred_at"]),
                int(fields["attempt"]),
                fields.get("traceparent"),
            )
        except (ValidationError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedMessage(f"not a message: {error}") from error


def first_cause(identity: UUID, body: Message, correlation_id: UUID, traceparent: str | None = None) -> Stamped:
    """Stamp a message that no other message caused: a client's request or a tick of the clock."""
    return Stamped(identity, body, correlation_id, None, datetime.now(UTC), 0, traceparent)


@dataclass(frozen=True, slots=True)
class Destination:
    """The queue and the Dramatiq actor that an envelope is for."""

    queue: str
    actor: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """Encoded messages for one actor. Envelopes for the same destination can be joined without decoding them."""

    destination: Destination
    messages: tuple[bytes, ...]

    def to_wire(self, identity: UUID, at: datetime) -> bytes:
        """Encode as a Dramatiq message whose only argument is the list of messages."""
        head = orjson.dumps(
            {
                "queue_name": self.destination.queue,
                "actor_name": self.destination.actor,
                "kwargs": {},
                "options": {},
                "message_id": identity,
                "message_timestamp": int(at.timestamp() * 1000),
            }
        )
        return b'%s,"args":[[%s]]}' % (head[:-1], b",".join(self.messages))


def decode_all(listed: Iterable[dict[str, Any]]) -> Iterator[Stamped | MalformedMessage]:
    """Decode the messages of an envelope one by one; what is malformed comes out as the error, in its place."""
    for fields in listed:
        try:
            yield Stamped.from_dict(fields)
        except MalformedMessage as error:
            yield error
