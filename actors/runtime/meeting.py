"""Group commit: threads of one process that have messages for the same actor meet, and one works for all.

Whoever finds nobody at work takes everything that waits and does it as one batch; the others wait until theirs is done.
Nobody waits for company: a message that comes alone is done alone, at once.
"""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")

#: Messages in one batch, which is one transaction, at most, where nobody says otherwise.
LARGEST_BATCH = 500


class Meeting(Generic[Item]):
    """Turns concurrent `join` calls into batches of at most `largest` items.

    There is one batch at a time, so that the next grows meanwhile; up to `at_once` where it cannot grow any more.
    """

    def __init__(self, work: Callable[[Sequence[Item]], None], largest: int, at_once: int = 1) -> None:
        self._work = work
        self._largest = largest
        self._at_once = at_once
        self._waiting: deque[_Share[Item]] = deque()
        self._leading = 0
        self._changing = Lock()

    def join(self, items: Sequence[Item]) -> None:
        """Return when all items are done; raises what the batch they were in raised."""
        share = _Share(items)
        with self._changing:
            self._waiting.append(share)
            self._call()
        share.wait()
        # A share that kept the batch it is in would be garbage that only a search finds.
        batch, share.leads = share.leads, []
        if batch:
            self._lead(batch)
        if share.error is not None:
            raise share.error

    def _call(self) -> None:
        """Let those who wait longest lead, as many as may now, and wake no other for it."""
        while self._waiting and self._leading < self._at_once:
            count, is_full = self._next()
            if self._leading and not is_full:
                break
            self._leading += 1
            batch = [self._waiting.popleft() for _ in range(count)]
            batch[0].leads = batch
            batch[0].wake()

    def _next(self) -> tuple[int, bool]:
        """Return how many shares the next batch has, and whether nothing more can come into it."""
        size = 0
        for count, share in enumerate(self._waiting):
            if count and size + len(share.items) > self._largest:
                return count, True
            size += len(share.items)
        return len(self._waiting), size >= self._largest

    def _lead(self, batch: "list[_Share[Item]]") -> None:
        error: BaseException | None = None
        try:
            self._work([item for share in batch for item in share.items])
        except BaseException as raised:  # noqa: BLE001 - every thread of the batch raises it for itself
            error = raised
        with self._changing:
            self._leading -= 1
            self._call()
        for share in batch:
            share.error = error
        for share in batch[1:]:
            share.wake()


class _Share(Generic[Item]):
    """What one thread brought, and what wakes that thread: to lead a batch, or since its items are done."""

    __slots__ = ("_asleep", "error", "items", "leads")

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.leads: list[_Share[Item]] = []
        self.error: BaseException | None = None
        self._asleep = Lock()
        self._asleep.acquire()

    def wait(self) -> None:
        self._asleep.acquire()

    def wake(self) -> None:
        self._asleep.release()
