"""A bounded context at work: its actors, its store, and the threads that stand between them and RabbitMQ."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints
from uuid import NAMESPACE_OID

import dramatiq
import orjson

from actors.runtime.back_off import BackOff
from actors.runtime.broker import BROKER
from actors.runtime.exactly_once import ExactlyOnce, Stopping
from actors.runtime.handlers import AskingHandler, Handler, QueryHandler
from actors.runtime.meeting import LARGEST_BATCH, Meeting
from actors.runtime.queries import Answers
from actors.runtime.relay import Relay
from contexts.identity import named
from contexts.messages import Destination, MalformedMessage, Message, Query, Stamped, decode_all
from contexts.subscriptions import actor_address

F = TypeVar("F", bound=Callable[..., Any])

#: Full batches of one actor that may be with a party outside at once, where many orders wait for its answers: enough
#: that the processors have work while it answers, and few enough that a backlog does not become a flood outside.
SIDE_BY_SIDE = 3

#: In-process priorities: who asks for a view waits for it.
QUERY_PRIORITY, COMMAND_PRIORITY = 0, 10


class Unregistered(TypeError):
    """Raised when a function cannot be an actor as it is written."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What an actor's annotations say: the message it takes and the repository it needs."""

    message: type[Message]
    repository: type[Any]

    @classmethod
    def of(cls, function: Callable[..., Any]) -> "Signature":
        hints = get_type_hints(function)
        hints.pop("return", None)
        if len(hints) < 2:
            raise Unregistered(f"{function.__qualname__} must take a message and a repository, both annotated")
        message, *_, repository = hints.values()
        return cls(message, repository)


class Context:
    """Makes plain functions the Dramatiq actors of one context.

    `store` opens the context's database; `repositories` says which storage class stands for which domain collection.
    Nothing is opened before `start`, which a worker process calls once.
    """

    def __init__(
        self,
        name: str,
        store: Callable[[str], Any],
        repositories: Mapping[type[Any], type[Any]],
        back_off: BackOff | None = None,
    ) -> None:
        self.name = name
        self.back_off = back_off or BackOff()
        self.handlers: dict[type[Message], Handler | AskingHandler | QueryHandler] = {}
        self._open_store = store
        self._repositories = dict(repositories)
        self._asking: dict[Callable[..., Any], tuple[Signature, Callable[[], Any], int]] = {}
        self._running: Running | None = None

    def keeps(self, collection: type[Any], storage: type[Any]) -> None:
        """Say which storage class stands for one more collection, in a module beside the context's own."""
        self._repositories[collection] = storage

    def actor(self, function: F) -> F:
        """Make `(message, repository) -> messages` an actor whose whole work is one transaction."""
        signature = Signature.of(function)
        return self.actor_for(signature.message)(function)

    def actor_for(self, *messages: type[Message]) -> Callable[[F], F]:
        """Make one function the actor of several message types."""

        def register(function: F) -> F:
            repository = Signature.of(function).repository
            for message in messages:
                self._register(Handler(actor_address(self.name, message), message, repository, function))
            return function

        return register

    def asks(self, port: Callable[[], Any], at_once: int = 1) -> Callable[[F], F]:
        """Make `(message, repository) -> request | None` the first half of an actor that asks a party outside.

        So many full batches may be under way `at_once`: the next need not wait until the last is answered.
        """

        def remember(function: F) -> F:
            self._asking[function] = (Signature.of(function), port, at_once)
            return function

        return remember

    def concludes(self, ask: Callable[..., Any]) -> Callable[[F], F]:
        """Make `(message, outcome, repository) -> messages` the second half of the actor whose first half is `ask`.

        The halves are two transactions, and may need different repositories.
        """

        def register(function: F) -> F:
            asked, port, at_once = self._asking.pop(ask)
            repository = Signature.of(function).repository
            address = actor_address(self.name, asked.message)
            handler = AskingHandler(
                address, asked.message, asked.repository, repository, ask, port, function, at_once=at_once
            )
            self._register(handler)
            return function

        return register

    def query(self, function: F) -> F:
        """Make `(query, repository) -> view | None` an actor that answers through Redis."""
        signature = Signature.of(function)
        if not issubclass(signature.message, Query):
            raise Unregistered(f"{function.__qualname__} takes {signature.message.__name__}, which is no query")
        address = actor_address(self.name, signature.message)
        self._register(QueryHandler(address, signature.message, signature.repository, function))
        return function

    def start(self, rabbitmq_url: str, largest_batch: int = LARGEST_BATCH) -> None:
        """Open the store, the ways to the parties outside and the relay.

        Raises `TimeoutError` if RabbitMQ does not answer, and what a store or port raises for a wrong address.
        """
        for handler in self.handlers.values():
            if isinstance(handler, AskingHandler):
                handler.port()
        self._running = Running(self._open_store(self.name), rabbitmq_url, self._bind, self.back_off, largest_batch)
        self._running.start()

    @property
    def queues(self) -> set[str]:
        """The queues that the actors registered here consume."""
        return {handler.destination.queue for handler in self.handlers.values()}

    def begin_to_stop(self) -> None:
        """Let actors that wait for the database hand their messages back."""
        self.running.stopping.set()

    def stop(self) -> None:
        """Relay what was committed, then close the store."""
        self.running.stop()
        self._running = None

    @property
    def running(self) -> "Running":
        """What works while the process does; raises `RuntimeError` outside `start` and `stop`."""
        if self._running is None:
            raise RuntimeError(
                f"the {self.name} context was not started: run its actors by `python -m actors {self.name}`"
            )
        return self._running

    def _bind(self, repository: type[Any], transaction: Any) -> Any:
        return self._repositories[repository](transaction.connection)

    def _register(self, handler: Handler | AskingHandler | QueryHandler) -> None:
        self.handlers[handler.message] = handler
        priority = QUERY_PRIORITY if isinstance(handler, QueryHandler) else COMMAND_PRIORITY

        def receive(messages: list[dict[str, Any]]) -> None:
            self.running.receive(handler, messages)

        dramatiq.actor(
            actor_name=handler.destination.actor,
            queue_name=handler.destination.queue,
            priority=priority,
            broker=BROKER,
        )(receive)


class Running:
    """A context's store, relay and meetings within one worker process."""

    def __init__(
        self,
        store: Any,
        rabbitmq_url: str,
        bind: Callable[..., Any],
        back_off: BackOff,
        largest_batch: int = LARGEST_BATCH,
    ) -> None:
        self._largest_batch = largest_batch
        self.stopping = threading.Event()
        self.store = store
        self.relay = Relay(store, rabbitmq_url)
        self._answers = Answers(store, bind)
        self._exactly_once = ExactlyOnce(
            store, self.relay.hand_over, bind, self._answers.refresh, back_off, self.stopping
        )
        self._meetings: dict[Destination, Meeting[Stamped]] = {}
        self._opening = threading.Lock()

    def start(self) -> None:
        """Connect the relay."""
        self.relay.start()

    def stop(self) -> None:
        """Relay what was committed, then close the store."""
        self.relay.stop()
        self.store.close()

    def receive(self, handler: Handler | AskingHandler | QueryHandler, messages: Sequence[Any]) -> None:
        """Take an envelope's messages; returns when each is done, put aside or dead, the malformed last."""
        decoded = [
            (fields, _addressed(handler, one)) for fields, one in zip(messages, decode_all(messages), strict=True)
        ]
        stamped = [one for _, one in decoded if isinstance(one, Stamped)]
        for begin in range(0, len(stamped), self._largest_batch):
            if begin and self.stopping.is_set():
                raise Stopping  # the envelope goes back whole; the inbox knows what of it is done
            self._meeting(handler).join(stamped[begin : begin + self._largest_batch])
        for fields, error in decoded:
            if not isinstance(error, Stamped):
                identity = named(NAMESPACE_OID, orjson.dumps(fields, option=orjson.OPT_SORT_KEYS).decode())
                self._exactly_once.bury_malformed(handler.destination, fields, error, identity)

    def _meeting(self, handler: Handler | AskingHandler | QueryHandler) -> Meeting[Stamped]:
        meeting = self._meetings.get(handler.destination)
        if meeting is None:
            at_once = handler.at_once if isinstance(handler, AskingHandler) else 1
            with self._opening:
                meeting = self._meetings.setdefault(
                    handler.destination, Meeting(self._work(handler), self._largest_batch, at_once)
                )
        return meeting

    def _work(self, handler: Handler | AskingHandler | QueryHandler) -> Callable[[Sequence[Stamped]], None]:
        if isinstance(handler, QueryHandler):
            return lambda messages: self._answers.give(handler, messages)
        return lambda messages: self._exactly_once.process(handler, messages)


def _addressed(
    handler: Handler | AskingHandler | QueryHandler, decoded: Stamped | MalformedMessage
) -> Stamped | MalformedMessage:
    """Take a message of another type than the actor's for malformed: its fields might fit by chance."""
    if isinstance(decoded, Stamped) and type(decoded.body) is not handler.message:
        return MalformedMessage(f"{decoded.body.wire_name} is not for {handler.destination.actor}")
    return decoded
