"""What an audit has found so far: violations, suspects that are looked at again, and what is in flight."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from auditing.facts import OrderFacts
from auditing.report import Report, Violation
from auditing.verdict import Verdict

#: Suspects that are looked at again; with more than these something is wrong that no second look explains.
MOST_SUSPECTS = 20_000

#: An order that moved so lately may have messages in a queue that was never empty.
RECENTLY = timedelta(minutes=10)

#: Reasons for being in flight that are told, the commonest first.
MOST_REASONS = 10


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
        self._moved_at: dict[UUID, datetime | None] = {}
        self._left_out = 0
        self._bounced = self._repeated = 0

    def first(self, facts: OrderFacts, verdict: Verdict) -> None:
        """Take the first look at an order."""
        self._orders += facts.order is not None
        for payment in facts.payments:
            self._kept[payment.currency] += payment.kept_minor
        self._bounced += sum(one.status == "FAILED" for one in facts.told)
        self._repeated += sum(count > 1 for count in (facts.mails or {}).values())
        if not verdict.is_suspect:
            self._flies(facts.order_id, verdict.flying)
        elif len(self.suspects) < MOST_SUSPECTS:
            self.suspects[facts.order_id] = verdict
        else:
            self._left_out += 1
            self.violations += [*verdict.always, *verdict.in_the_end]

    def again(self, facts: OrderFacts, verdict: Verdict) -> None:
        """Take another look at a suspect: what was not there twice running is not wrong."""
        order_id = facts.order_id
        self._before[order_id] = self.suspects.pop(order_id)
        self._moved_at[order_id] = facts.moved_at
        if verdict.is_suspect:
            self.suspects[order_id] = verdict
        else:
            self._flies(order_id, verdict.flying)

    def settle(self, never_empty: Sequence[str]) -> None:
        """Call what is still suspected wrong, or in flight; `never_empty` are queues that never ran empty."""
        for order_id, verdict in self.suspects.items():
            seen_before = {one.check for one in self._before[order_id].always}
            self.violations += [one for one in verdict.always if one.check in seen_before]
            flying = verdict.flying
            if verdict.in_the_end:
                flying = self._may_still_move(order_id, never_empty)
                self.violations += () if flying else verdict.in_the_end
            self._flies(order_id, flying)
        self.suspects = {}

    def report(self) -> Report:
        """Return everything."""
        notes = [*self.notes, *self._notes()]
        return Report(self._orders, self._flying.total(), tuple(self.violations), tuple(notes), dict(self._kept))

    def _may_still_move(self, order_id: UUID, never_empty: Sequence[str]) -> str | None:
        if self.suspects[order_id].digest != self._before[order_id].digest:
            return "moved between two looks"
        moved_at = self._moved_at.get(order_id)
        if never_empty and (moved_at is None or datetime.now(UTC) - moved_at < RECENTLY):
            return f"moved lately, and {', '.join(never_empty)} never ran empty"
        return None

    def _flies(self, order_id: UUID, why: str | None) -> None:
        if why:
            self._flying[why] += 1
            self._examples.setdefault(why, order_id)

    def _notes(self) -> list[str]:
        common = self._flying.most_common(MOST_REASONS)
        told = [f"in flight: {count} with {why}, such as order {self._examples[why]}" for why, count in common]
        if self._left_out:
            told.append(f"more than {MOST_SUSPECTS} orders seem wrong: {self._left_out} were looked at only once")
        if self._bounced:
            told.append(f"{self._bounced} mails were refused by their recipients' servers")
        if self._repeated:
            told.append(f"{self._repeated} mails arrived more than once under one Message-ID: SMTP has no exactly-once")
        return told
