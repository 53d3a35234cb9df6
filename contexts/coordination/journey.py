"""One order's journey through a saga: which stage it stands at, and what an answer, the clock or a wish makes of it."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from contexts.coordination.messages import CancelOrder, Intervention, ResumeJourney, RetryStep, ReverseJourney
from contexts.coordination.saga import Kind, Step
from contexts.coordination.standing import Standing
from contexts.coordination.transitions import (
    AT_RISK_MINOR,
    CANCELLED,
    ESCALATE_AFTER,
    RESEND_AFTER,
    REVERSED,
    WISHES,
    Status,
    Transition,
    patience,
)
from contexts.messages import Command, JourneyEvent
from contexts.orders.messages import OrderPlaced

Event = type[JourneyEvent]
Detail = Mapping[str, str | int]


class Journey(Standing):
    """A journey in motion: takes answers, time and wishes, and yields the commands that follow."""

    __slots__ = ()

    def begin(self, now: datetime, reason: str | None = None) -> Iterator[Command]:
        """Send the first stage's commands."""
        self._begun(now, reason)
        yield from self.commands()

    def begin_cancelled(self, detail: Detail, now: datetime) -> Iterator[Command]:
        """Begin what its customer cancelled before: nothing is asked for, so nothing is to be undone, only closed."""
        self._begun(now)
        self._record("JourneyCancelled", now, reason=CANCELLED, detail=detail)
        yield from self._undo(-1, CANCELLED, now)

    def receive(self, event: JourneyEvent, now: datetime) -> Iterator[Command]:
        """Take an answer. One that comes twice, late or early moves nothing, and is recorded."""
        kind = type(event)
        if self.course is Status.RUNNING:
            yield from self._answered(kind, now)
        elif self.course is Status.COMPENSATING:
            yield from self._compensated(kind, now)
        else:
            self._record("AnswerIgnored", now, kind)

    def overdue(self, now: datetime) -> Iterator[Command]:
        """The present stage had no answer in time: undo what can be undone, send again what must be done."""
        if self.due_at is None or now < self.due_at:
            return
        self._record("StepOverdue", now)
        if not self.must_succeed:
            yield from self._undo(self.place, f"{self.pending[0]}_overdue", now)
            return
        if self.stuck_since is None and (self.sent >= ESCALATE_AFTER or self.order.total_minor >= AT_RISK_MINOR):
            self.stuck_since = now
            at_risk: Detail = {"at_risk_minor": self.order.total_minor, "currency": self.order.currency}
            self._record("JourneyStuck", now, detail=at_risk)
        self.sent += 1
        self.due_at = now + patience(self.sent)
        yield from self.commands()

    def cancel(self, command: CancelOrder, now: datetime) -> Iterator[Command]:
        """Undo the order before its pivot; from there on remember the wish. A second one changes nothing.

        While the pivot is being undone the wish is remembered too: if that is refused, the order goes on after all.
        """
        words: Detail = {"words": command.reason} if command.reason else {}
        if self.course is Status.RUNNING and self.stage.kind is Kind.COMPENSATABLE:
            self._record("JourneyCancelled", now, reason=CANCELLED, detail=words)
            yield from self._undo(self.place, CANCELLED, now)
        elif self.may_go_forward and self.saga.returned_by and not self.wish and self.reason not in WISHES:
            self.wish = CANCELLED
            self._record("CancellationNoted", now, reason=CANCELLED, detail=words)
        else:
            self._record("CancellationIgnored", now, detail=words)

    def objection(self, kind: type[Intervention]) -> str | None:
        """Say in words why an operator cannot do this now; None if it can be done."""
        if self.is_final:
            return f"it is {self.course}"
        if kind is ResumeJourney and self.stuck_since is None:
            return "it is not stuck"
        if kind is ReverseJourney and self.course is Status.COMPENSATING:
            return "it is being undone already"
        if kind is ReverseJourney and not self.can_be_undone and (self.wish or not self.saga.returned_by):
            return "it returns as soon as it is completed" if self.wish else "a return cannot be taken back"
        return None

    def intervene(self, command: Intervention, now: datetime) -> Iterator[Command]:
        """Do what an operator wants, or record why it cannot be done."""
        who: Detail = {"by": command.by, "why": command.why}
        objection = self.objection(type(command))
        if objection:
            self.ignore(command, objection, now)
        elif isinstance(command, ReverseJourney):
            yield from self._reverse(who, now)
        elif isinstance(command, RetryStep):
            self._record("StepRetried", now, detail=who)
            yield from self.commands()
        else:
            self._record("JourneyResumed", now, detail=who)
            self.stuck_since, self.sent, self.due_at = None, 1, now + RESEND_AFTER
            yield from self.commands()

    def ignore(self, command: Intervention, objection: str, now: datetime) -> None:
        """Record an intervention that changes nothing."""
        detail: Detail = {"intervention": type(command).__name__, "by": command.by, "why": command.why}
        self._record("InterventionIgnored", now, reason=objection, detail=detail)

    def note_return(self, reason: str, detail: Detail, now: datetime) -> None:
        """Record that the completed order is on its way back."""
        self._record("ReturnBegun", now, reason=reason, detail=detail)

    def _reverse(self, who: Detail, now: datetime) -> Iterator[Command]:
        if self.can_be_undone:
            self._record("JourneyReversed", now, reason=REVERSED, detail=who)
            yield from self._undo(self.place, REVERSED, now)
        else:
            self.wish = REVERSED
            self._record("ReversalNoted", now, reason=REVERSED, detail=who)

    def _answered(self, kind: Event, now: datetime) -> Iterator[Command]:
        for step in self.awaited():
            if kind is step.done:
                self._record("StepDone", now, kind, step=step.name)
                if self._heard(step, now):
                    yield from self._go_on(now)
                return
            if kind is step.refused:
                reason = f"{step.name}_refused"
                self._record("StepRefused", now, kind, reason, step=step.name)
                yield from self._undo(self.place, reason, now, but=step.name)
                return
        if kind in self.saga.abandoned_by and self.stage.kind is Kind.COMPENSATABLE:
            self._record("JourneyAbandoned", now, kind)
            yield from self._undo(self.place, "expired", now)
        else:
            self._record("AnswerIgnored", now, kind)

    def _compensated(self, kind: Event, now: datetime) -> Iterator[Command]:
        if self.place < 0 and kind is self.saga.closed_undone:
            self._end(Status.UNDONE, now)
            self._record("JourneyUndone", now, kind, self.reason)
            return
        for step in self.awaited():
            if step.compensation and kind is step.compensation.done:
                self._record("StepUndone", now, kind, step=step.name)
                if self._heard(step, now):
                    yield from self._retreat(self.place - 1, now)
                return
            if step.compensation and kind is step.compensation.refused:
                self._record("StepNotUndone", now, kind, step=step.name)
                yield from self._turn_forward(step, now)
                return
        self._record("AnswerIgnored", now, kind)

    def _turn_forward(self, step: Step[OrderPlaced], now: datetime) -> Iterator[Command]:
        """Take a pivot for done that cannot be undone; what somebody wished stays a wish, an overdue is nobody's."""
        if self.reason in WISHES:
            self.wish = self.wish or self.reason
        self.course, self.reason = Status.RUNNING, None
        if self._heard(step, now):
            yield from self._go_on(now)

    def _heard(self, step: Step[OrderPlaced], now: datetime) -> bool:
        """Take an answer off the list; tell whether it was the last. One that comes at all ends a standstill."""
        self.pending = tuple(name for name in self.pending if name != step.name)
        if self.stuck_since is not None and self.due_at is not None:
            self.stuck_since, self.sent, self.due_at = None, 1, min(self.due_at, now + RESEND_AFTER)
        return not self.pending

    def _go_on(self, now: datetime) -> Iterator[Command]:
        if self.place + 1 < len(self.saga.stages):
            self._enter(self.place + 1, now)
            yield from self.commands()
        else:
            self.place += 1
            self._end(Status.COMPLETED, now)
            self._record("JourneyCompleted", now)

    def _undo(self, place: int, reason: str, now: datetime, but: str | None = None) -> Iterator[Command]:
        """Turn round at a stage: undo its steps, but not the one that was refused, then those before it."""
        self.course, self.reason = Status.COMPENSATING, self.wish or reason
        yield from self._retreat(place, now, but)

    def _retreat(self, place: int, now: datetime, but: str | None = None) -> Iterator[Command]:
        """Undo the last stage, from `place` back, in which something may be done; close the order if there is none."""
        pending: tuple[str, ...] = ()
        while place >= 0 and not pending:
            steps = self.saga.stages[place].steps
            pending = tuple(step.name for step in steps if step.compensation and step.name != but)
            place -= 1 if not pending else 0
        self._wait(place, pending, RESEND_AFTER, now)
        yield from self.commands()

    def _begun(self, now: datetime, reason: str | None = None) -> None:
        self.reason = reason
        self._enter(0, now)
        self._record("JourneyBegun", now, self.saga.starts, reason)

    def _enter(self, place: int, now: datetime) -> None:
        stage = self.saga.stages[place]
        self._wait(place, tuple(step.name for step in stage.steps), stage.deadline, now)

    def _wait(self, place: int, pending: tuple[str, ...], time: timedelta, now: datetime) -> None:
        self.place, self.pending, self.sent = place, pending, 1
        self.due_at, self.stage_began, self.stuck_since = now + time, now, None

    def _end(self, course: Status, now: datetime) -> None:
        self.course, self.pending, self.due_at = course, (), None
        self.stage_began, self.stuck_since, self.ended_at = now, None, now

    def _record(
        self,
        kind: str,
        now: datetime,
        event: Event | None = None,
        reason: str | None = None,
        *,
        step: str | None = None,
        detail: Detail | None = None,
    ) -> None:
        self.version += 1
        name = event.wire_name if event else None
        line = Transition(self.version, kind, step or self.current_step, name, now, reason, detail)
        self.history.append(line)
