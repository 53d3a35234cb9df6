"""What the runtime does around a decision, for tests that decide themselves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from contexts.messages import Message
from persistence.postgres_store import PostgresStore

R = TypeVar("R", bound=Any)


@contextmanager
def loaded(
    store: PostgresStore, repository: Callable[[Any], R], *messages: Message, remember: bool = False
) -> Iterator[R]:
    """A repository with everything that messages need, flushed and committed at the end.

    Nothing is remembered unless that is said: as if each transaction were another process's.
    """
    with store.transaction() as transaction:
        one = repository(transaction.connection)
        one.prefetch(messages)
        yield one
        one.flush()
    if remember:
        one.committed()
