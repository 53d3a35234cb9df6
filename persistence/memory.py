"""What a worker remembers of the rows it wrote: whoever took one step of an order will likely take the next.

What is remembered need not be read, nor locked before it is written: it is written only where the row still has the
version that is remembered (`setwise.update`). Where it has not, somebody else was faster, the transaction rolls back,
and its messages are done again from the rows themselves (docs/decisions/0011-workers-remember-rows.md).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any, Generic, TypeVar
from uuid import UUID

from persistence.setwise import Overtaken

Kept = TypeVar("Kept")

#: Seconds that nothing is taken after somebody else was faster: with several workers one batch in so long is repeated.
DISTRUST_SECONDS = 2.0

#: Seconds after which what was not asked for is taken no more, and makes room for others.
STALE_SECONDS = 60.0


class Memory(Generic[Kept]):
    """Things by id, at most `most` of them by weight. Thread-safe; what is taken is nobody else's until it is kept."""

    def __init__(self, most: int = 10_000, weight: Callable[[Kept], int] = lambda _: 1) -> None:
        self._most = most
        self._weight = weight
        self._room = most
        self._kept: dict[UUID, tuple[float, Kept]] = {}
        self._distrusted_until = 0.0
        self._changing = Lock()

    def take(self, ids: Iterable[UUID]) -> dict[UUID, Kept]:
        """Return what is remembered of these, and forget it: it may be changed before it is known to be stored."""
        with self._changing:
            now = time.monotonic()
            if not self._kept or now < self._distrusted_until:
                return {}
            fresh = [one for one in ids if one in self._kept and self._kept[one][0] > now - STALE_SECONDS]
            return {one: self._forget(one) for one in fresh}

    def peek(self, one: UUID) -> Kept | None:
        """Return what is remembered, to read of it only what never changes; None if there is nothing."""
        found = self._kept.get(one)
        return None if found is None else found[1]

    def keep(self, things: Mapping[UUID, Kept], ended: Iterable[UUID] = ()) -> None:
        """Remember what was committed, and forget what has ended.

        Where there is no room, what is new is not remembered: the older is asked for first.
        """
        now = time.monotonic()
        with self._changing:
            for one in (*ended, *things):
                if one in self._kept:
                    self._forget(one)
            for one, thing in things.items():
                weight = self._weight(thing)
                while weight > self._room and self._kept and (oldest := next(iter(self._kept))):
                    if self._kept[oldest][0] > now - STALE_SECONDS:
                        break
                    self._forget(oldest)
                if weight <= self._room:
                    self._kept[one] = (now, thing)
                    self._room -= weight

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write what was taken. If somebody else was faster, the next ones are read for a while."""
        try:
            yield
        except Overtaken:
            self._distrusted_until = time.monotonic() + DISTRUST_SECONDS
            raise

    def _forget(self, one: UUID) -> Kept:
        _, thing = self._kept.pop(one)
        self._room += self._weight(thing)
        return thing


#: For rows that another process type takes the next step with.
NOTHING_REMEMBERED = Memory[Any](most=0)
