"""Group commit: threads of one process that have messages for the same actor meet, and one works for all.

Whoever finds nobody at work takes everything that waits and does it as one batch; the others wait until theirs is done.
Nobody waits for company: a message that comes alone is done alone, at once.
"""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Meeting(Generic[Item]):
    """Turns concurrent `join` calls into batches of at most `largest` items, one batch at a time."""

    def __init__(self, work: Callable[[Sequence[Item]], None], largest: int) -> None:
        self._work = work
        self._largest = largest
        self._waiting: deque[_Share[Item]] = deque()
        self._changed = Condition()
        self._busy = False

    def join(self, items: Sequence[Item]) -> None:
        """Return when all items are done; raises what the batch they were in raised."""
        share = _Share(items)
        with self._changed:
            self._waiting.append(share)
        # A leader may find its own share not in the batch, where earlier ones filled it: then it goes on.
        while not share.done:
            with self._changed:
                self._changed.wait_for(lambda: share.done or not self._busy)
                if share.done:
                    break
                self._busy = True
                batch = self._take()
            self._lead(batch)
        share.outcome()

    def _take(self) -> "list[_Share[Item]]":
        batch: list[_Share[Item]] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].items) <= self._largest):
            share = self._waiting.popleft()
            batch.append(share)
            size += len(share.items)
        return batch

    def _lead(self, batch: "list[_Share[Item]]") -> None:
        error: BaseException | None = None
        try:
            self._work([item for share in batch for item in share.items])
        except BaseException as raised:  # noqa: BLE001 - every thread of the batch raises it for itself
            error = raised
        with self._changed:
            for share in batch:
                share.error, share.done = error, True
            self._busy = False
            self._changed.notify_all()


class _Share(Generic[Item]):
    """What one thread brought."""

    __slots__ = ("done", "error", "items")

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.done = False
        self.error: BaseException | None = None

    def outcome(self) -> None:
        if self.error is not None:
            raise self.error
