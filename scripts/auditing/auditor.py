"""The audit: one look at every order, and further ones at what seems wrong, until it is or nothing of it moves."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from auditing import levels, waiting
from auditing.facts import OrderFacts
from auditing.findings import Findings
from auditing.gathering import ROWS, Look, look
from auditing.report import Progress, Report
from auditing.slices import Slice
from auditing.verdict import judged

#: Seconds after which what still seems wrong, and does not move, is wrong.
DEFAULT_SETTLE_SECONDS = 15.0

#: Seconds between two looks at what seems wrong: at first, at most.
PAUSE, LONGEST_PAUSE = 0.5, 5.0


def audit(
    progress: Progress | None = None,
    since: timedelta | None = None,
    orders: Sequence[UUID] | None = None,
    settle_seconds: float = DEFAULT_SETTLE_SECONDS,
) -> Report:
    """Compare all stores and providers over all orders, those placed `since` so long ago, or those named.

    What seems wrong is looked at again for `settle_seconds`, but long enough for empty queues to be known to have
    drained. It counts if it is still there while nothing of its order moves, and nothing can be in a queue. Raises
    `ServerAway` when a store or a provider cannot be looked at.
    """
    running = Audit(progress or _silence, None if orders is None else frozenset(orders))
    running.look_at_all(None if since is None else datetime.now(UTC) - since)
    running.look_again(settle_seconds)
    return running.report()


class Audit:
    """One audit under way."""

    def __init__(self, progress: Progress, named: frozenset[UUID] | None) -> None:
        self._progress = progress
        self._named = named
        self._findings = Findings()
        self._queues = waiting.Queues()

    def look_at_all(self, since: datetime | None) -> None:
        """Look at every order that is wanted, then at the stock levels: of their products, if it is not all orders."""
        self._queues.see()
        ids = None if self._named is None else sorted(self._named)
        products: set[UUID] | None = None if since is None and ids is None else set()
        with look(ids) as first:
            self._findings.notes += first.unasked
            for facts in self._each(first, _slices(first, since, ids), _count(first, since, ids)):
                self._findings.first(facts, judged(facts))
                if products is not None:
                    products.update(line.product_id for line in facts.lines)
            self._progress("stock levels")
            for level in levels.disagreeing(first.stores, products):
                self._findings.violations += levels.violations(level)
            self._findings.notes += waiting.dead_letters(first.stores)

    def look_again(self, seconds: float) -> None:
        """Look at the suspects again and again, at least once, until the time is over or none is left.

        The time is never too short for a queue that is empty to be known to have drained.
        """
        seconds = max(seconds, waiting.FIGURES_SECONDS)
        deadline, pause, is_over = time.monotonic() + seconds, PAUSE, False
        while self._findings.suspects and not is_over:
            left = max(0.0, deadline - time.monotonic())
            self._progress(f"{len(self._findings.suspects)} orders are looked at again, for {left:.0f} s at most")
            time.sleep(min(pause, left))
            pause, is_over = min(pause * 2, LONGEST_PAUSE), time.monotonic() >= deadline
            self._queues.see()
            ids = sorted(self._findings.suspects)
            with look(ids) as again:
                for facts in self._each(again, _chunks(ids)):
                    self._findings.again(facts, judged(facts))
        self._findings.settle(self._queues.not_drained_since)

    def report(self) -> Report:
        """Return what was found."""
        found = self._findings.report()
        return replace(found, notes=(*found.notes, *self._queues.notes()))

    def _each(self, looking: Look, slices: Iterable[Slice], count: int | None = None) -> Iterator[OrderFacts]:
        looked = 0
        for part in slices:
            for facts in looking.facts(part):
                facts.is_named = self._named is not None and facts.order_id in self._named
                looked += 1
                yield facts
            if count is not None:
                self._progress(f"{looked} of {count} orders")


def _slices(looking: Look, since: datetime | None, ids: Sequence[UUID] | None) -> Iterator[Slice]:
    if ids is not None:
        return _chunks(ids)
    return looking.everything() if since is None else looking.since(since)


def _chunks(ids: Sequence[UUID]) -> Iterator[Slice]:
    size = ROWS // 2
    return (Slice.of(ids[begin : begin + size]) for begin in range(0, len(ids), size))


def _count(looking: Look, since: datetime | None, ids: Sequence[UUID] | None) -> int:
    if ids is not None:
        return len(ids)
    query = b"SELECT count(*) FROM orders WHERE %(since)s::timestamptz IS NULL OR created_at >= %(since)s"
    return int(next(looking.stores.rows("orders", query, {"since": since}))[0])


def _silence(_: str) -> None:
    """Tell nobody."""
