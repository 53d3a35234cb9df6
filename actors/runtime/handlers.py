"""What an actor is to the runtime: a function of one message and a repository."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from contexts.messages import Destination, Message, Query
from contexts.views import View


class Repository(Protocol):
    """A context's storage within one transaction: loads once, is changed in memory, writes once.

    One that also has `committed()` is told when that is stored for good; one that has `changed_views()` is asked then
    which views readers should see anew. `remembers` tells whether something was not read, but remembered.
    """

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Load, and lock in a fixed order, everything that these messages need."""
        ...

    def flush(self) -> None:
        """Write what was changed."""
        ...


class TryAgain(Exception):
    """Raised by a handler for an answer that may still come (an UNKNOWN outcome): what it changed is kept, and the
    message comes back after a durable back-off."""


#: (message, repository) -> messages
Decide = Callable[[Any, Any], Iterable[Message] | None]


@dataclass(frozen=True, slots=True)
class Handler:
    """An actor whose whole work is one transaction."""

    destination: Destination
    message: type[Message]
    repository: type[Any]
    decide: Decide


@dataclass(frozen=True, slots=True)
class AskingHandler:
    """An actor that asks a party outside, between two transactions and inside none.

    `ask` records the attempt in `asked_in` and returns the request, or None if there is nothing to ask. `port` performs
    requests and returns their outcomes in order. `conclude` records an outcome (None where nothing was asked) in
    `repository` and tells of it. So many full batches may be under way `at_once`.
    """

    destination: Destination
    message: type[Message]
    asked_in: type[Any]
    repository: type[Any]
    ask: Callable[[Any, Any], Any]
    port: Callable[[], Callable[[Sequence[Any]], Sequence[Any]]]
    conclude: Callable[[Any, Any, Any], Iterable[Message] | None]
    at_once: int = 1


@dataclass(frozen=True, slots=True)
class QueryHandler:
    """An actor that answers with a view, or with None where there is nothing to see."""

    destination: Destination
    message: type[Query]
    repository: type[Any]
    show: Callable[[Any, Any], View | None]
