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
    """Turns concurrent `join` calls into batches of at most `largest` items, one batch at a time."""

    def __init__(self, work: Callable[[Sequence[Item]], None], largest: int) -> None:
        self._work = work
        self._largest = largest
        self._waiting: deque[_Share[Item]] = deque()
        self._changing = Lock()
        self._busy = False

    def join(self, items: Sequence[Item]) -> None:
        """Return when all items are done; raises what the batch they were in raised."""
        share = _Share(items)
        with self._changing:
            self._waiting.append(share)
            waits, self._busy = self._busy, True
        if waits:
            share.wait()
        # Who is woken with work undone leads; its own share is the first that waits.
        if not share.done:
            self._lead()
        share.outcome()

    def _take(self) -> "list[_Share[Item]]":
        batch: list[_Share[Item]] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].items) <= self._largest):
            share = self._waiting.popleft()
            batch.append(share)
            size += len(share.items)
        return batch

    def _lead(self) -> None:
        with self._changing:
            _own, *others = batch = self._take()
        error: BaseException | None = None
        try:
            self._work([item for share in batch for item in share.items])
        except BaseException as raised:  # noqa: BLE001 - every thread of the batch raises it for itself
            error = raised
        for share in batch:
            share.error, share.done = error, True
        self._hand_on()
        for share in others:
            share.wake()

    def _hand_on(self) -> None:
        """Let the thread that waits longest lead, and wake no other for it."""
        with self._changing:
            if self._waiting:
                self._waiting[0].wake()
            else:
                self._busy = False


class _Share(Generic[Item]):
    """What one thread brought, and what wakes that thread."""

    __slots__ = ("_asleep", "done", "error", "items")

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.done = False
        self.error: BaseException | None = None
        self._asleep = Lock()
        self._asleep.acquire()

    def wait(self) -> None:
        self._asleep.acquire()

    def wake(self) -> None:
        self._asleep.release()

    def outcome(self) -> None:
        if self.error is not None:
            raise self.error
