"""What an audit has found so far: violations, suspects that are looked at again, and what is in flight."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from uuid import UUID

from auditing.facts import OrderFacts
from auditing.report import Report, Violation
from auditing.verdict import Verdict

#: Suspects that are looked at again; with more than these something is wrong that no second look explains.
MOST_SUSPECTS = 20_000

#: Reasons for being in flight that are told, the commonest first.
MOST_REASONS = 10

#: The queues in which what was there at a moment of the monotonic clock may still be.
NotDrained = Callable[[float], Sequence[str]]


class Findings:
    """Filled look by look."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.notes: list[str] = []
        self.suspects: dict[UUID, Verdict] = {}
        self._before: dict[UUID, Verdict] = {}
        self._orders = 0
        self._kept: Counter[str] = Counter()
        self._flying: Counter[str] = Counter()
        self._examples: dict[str, UUID] = {}
        self._read_at: dict[UUID, float] = {}
        self._left_out: list[tuple[UUID, Verdict]] = []
        self._left_out_at = 0.0
        self._bounced = self._repeated = 0

    def first(self, facts: OrderFacts, verdict: Verdict) -> None:
        """Take the first look at an order."""
        self._orders += facts.order is not None
        for payment in facts.payments:
            self._kept[payment.currency] += payment.kept_minor
        self._bounced += sum(one.status == "FAILED" for one in facts.told)
        self._repeated += sum(1 < facts.copies(one) <= attempts for one, attempts in facts.attempts.items())
        if not verdict.is_suspect:
            self._flies(facts.order_id, verdict.flying)
        elif len(self.suspects) < MOST_SUSPECTS:
            self.suspects[facts.order_id] = verdict
            self._read_at[facts.order_id] = time.monotonic()
        else:
            self._left_out.append((facts.order_id, verdict))
            self._left_out_at = time.monotonic()

    def again(self, facts: OrderFacts, verdict: Verdict) -> None:
        """Take another look at a suspect: what was not there twice running is not wrong."""
        order_id = facts.order_id
        self._before[order_id] = self.suspects.pop(order_id)
        if verdict.digest != self._before[order_id].digest:
            self._read_at[order_id] = time.monotonic()
        if verdict.is_suspect:
            self.suspects[order_id] = verdict
        else:
            self._flies(order_id, verdict.flying)

    def settle(self, not_drained_since: NotDrained) -> None:
        """Call what is still suspected wrong, or in flight as long as something about it may be in a queue."""
        for order_id, verdict in self.suspects.items():
            seen_before = {one.check for one in self._before[order_id].always}
            always = [one for one in verdict.always if one.check in seen_before]
            self._call(order_id, always, verdict, self._may_still_move(order_id, not_drained_since))
        self.suspects = {}
        undrained = not_drained_since(self._left_out_at) if self._left_out else ()
        for order_id, verdict in self._left_out:
            self._call(order_id, verdict.always, verdict, _in_a_queue(undrained))

    def report(self) -> Report:
        """Return everything."""
        notes = [*self.notes, *self._notes()]
        return Report(self._orders, self._flying.total(), tuple(self.violations), tuple(notes), dict(self._kept))

    def _call(self, order_id: UUID, always: Sequence[Violation], verdict: Verdict, moves: str | None) -> None:
        self.violations += always
        if verdict.in_the_end and not moves:
            self.violations += verdict.in_the_end
        self._flies(order_id, moves if verdict.in_the_end else verdict.flying)

    def _may_still_move(self, order_id: UUID, not_drained_since: NotDrained) -> str | None:
        if self.suspects[order_id].digest != self._before[order_id].digest:
            return "moved between two looks"
        return _in_a_queue(not_drained_since(self._read_at[order_id]))

    def _flies(self, order_id: UUID, why: str | None) -> None:
        if why:
            self._flying[why] += 1
            self._examples.setdefault(why, order_id)

    def _notes(self) -> list[str]:
        common = self._flying.most_common(MOST_REASONS)
        told = [f"in flight: {count} with {why}, such as order {self._examples[why]}" for why, count in common]
        if self._left_out:
            told.append(f"more than {MOST_SUSPECTS} orders seem wrong: {len(self._left_out)} were looked at only once")
        if self._bounced:
            told.append(f"{self._bounced} mails were refused by their recipients' servers")
        if self._repeated:
            told.append(f"{self._repeated} mails arrived more than once under one Message-ID: SMTP has no exactly-once")
        return told


def _in_a_queue(undrained: Sequence[str]) -> str | None:
    return f"what may be in {', '.join(undrained)}, not seen empty since" if undrained else None
