"""One order's journey through its saga: which step it stands at, and what an answer or the clock makes of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.saga import Kind, Saga, Step
from contexts.messages import Command, JourneyEvent
from contexts.orders.messages import OrderPlaced

#: Every definition that a stored journey may have begun under: new code finishes old journeys.
SAGAS = {(saga.name, saga.version): saga for saga in (PLACE_ORDER,)}

#: How long a command that has to succeed (retriable, compensation) waits before it is sent again: at first, at most.
#: Longer than one message is tried before it is dead, so that no two copies of a command are tried side by side.
RESEND_AFTER, LONGEST_WAIT = timedelta(minutes=30), timedelta(hours=4)


class UnknownJourney(LookupError):
    """Raised when an answer belongs to no journey that was begun."""


class Status(StrEnum):
    """Where a journey stands. The last two are final."""

    RUNNING = "RUNNING"
    COMPENSATING = "COMPENSATING"
    COMPLETED = "COMPLETED"
    UNDONE = "UNDONE"


FINAL = frozenset({Status.COMPLETED, Status.UNDONE})


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of the audit trail: what happened at which step, and why."""

    sequence: int
    kind: str
    step: str | None
    event: str | None
    at: datetime
    reason: str | None = None


@dataclass(slots=True)
class Journey:
    """A running saga. `place` is the index of the present step; -1 while an undone order is being closed."""

    order: OrderPlaced
    saga: Saga[OrderPlaced] = PLACE_ORDER
    status: Status = Status.RUNNING
    place: int = 0
    version: int = 0
    reason: str | None = None
    due_at: datetime | None = None
    sent: int = 1
    history: list[Transition] = field(default_factory=list)

    @property
    def step(self) -> Step[OrderPlaced] | None:
        """The step that is being done, or undone."""
        return self.saga.steps[self.place] if 0 <= self.place < len(self.saga.steps) else None

    @property
    def is_final(self) -> bool:
        """Whether nothing more can become of it."""
        return self.status in FINAL

    def begin(self, now: datetime) -> Iterator[Command]:
        """Send the first step's command."""
        self._record("JourneyBegun", now, type(self.order))
        yield from self._do(0, now)

    def receive(self, event: JourneyEvent, now: datetime) -> Iterator[Command]:
        """Take an answer. One that comes twice, late or early moves nothing, and is recorded."""
        if self.status is Status.RUNNING:
            yield from self._answered(event, now)
        elif self.status is Status.COMPENSATING:
            yield from self._compensated(event, now)
        else:
            self._record("AnswerIgnored", now, type(event))

    def overdue(self, now: datetime) -> Iterator[Command]:
        """The present step had no answer in time: undo what can be undone, send again what must be done."""
        step = self.step
        if self.is_final or self.due_at is None or now < self.due_at:
            return
        self._record("StepOverdue", now)
        if self.status is Status.RUNNING and step and step.kind is not Kind.RETRIABLE:
            yield from self._undo(self.place, f"{step.name}_overdue", now)
        else:
            self.due_at = now + min(RESEND_AFTER * 2**self.sent, LONGEST_WAIT)
            self.sent += 1
            yield self._command()

    def _answered(self, event: JourneyEvent, now: datetime) -> Iterator[Command]:
        step = self.saga.steps[self.place]
        if type(event) is step.done:
            self._record("StepDone", now, type(event))
            yield from self._do(self.place + 1, now)
        elif step.refused and type(event) is step.refused:
            reason = f"{step.name}_refused"
            self._record("StepRefused", now, type(event), reason)
            yield from self._undo(self.place - 1, reason, now)
        elif type(event) in self.saga.abandoned_by and step.kind is Kind.COMPENSATABLE:
            self._record("JourneyAbandoned", now, type(event))
            yield from self._undo(self.place, "expired", now)
        else:
            self._record("AnswerIgnored", now, type(event))

    def _compensated(self, event: JourneyEvent, now: datetime) -> Iterator[Command]:
        step = self.step
        if step and step.compensation and type(event) is step.compensation.done:
            self._record("StepUndone", now, type(event))
            yield from self._undo(self.place - 1, self.reason or "undone", now)
        elif step is None and type(event) is self.saga.closed_undone:
            self.status, self.due_at = Status.UNDONE, None
            self._record("JourneyUndone", now, type(event), self.reason)
        else:
            self._record("AnswerIgnored", now, type(event))

    def _do(self, place: int, now: datetime) -> Iterator[Command]:
        self.place, self.sent = place, 1
        step = self.step
        if step is None:
            self.status, self.due_at = Status.COMPLETED, None
            self._record("JourneyCompleted", now)
            return
        self.due_at = now + step.deadline
        yield self._command()

    def _undo(self, place: int, reason: str, now: datetime) -> Iterator[Command]:
        self.status, self.place, self.reason, self.sent = Status.COMPENSATING, place, reason, 1
        self.due_at = now + RESEND_AFTER
        yield self._command()

    def _command(self) -> Command:
        """Return what the present step is asked for by: done, or undone, or closed where nothing is left to undo."""
        step = self.step
        if step is None:
            return self.saga.close_undone(self.order, self.reason or "undone")
        if self.status is Status.COMPENSATING and step.compensation:
            return step.compensation.command(self.order)
        return step.command(self.order)

    def _record(
        self, kind: str, now: datetime, event: type[JourneyEvent] | None = None, reason: str | None = None
    ) -> None:
        self.version += 1
        name = self.step.name if self.step else None
        self.history.append(Transition(self.version, kind, name, event.wire_name if event else None, now, reason))


class Journeys:
    """The journeys that a batch is about, in memory."""

    def __init__(self) -> None:
        self.journeys: dict[UUID, Journey] = {}

    def receive(self, event: JourneyEvent, now: datetime) -> Iterator[Command]:
        """Begin a journey or move one on; raises `UnknownJourney` for an answer to nothing."""
        order_id = event.order_id
        journey = self.journeys.get(order_id)
        if journey is not None:
            yield from journey.receive(event, now)
        elif isinstance(event, OrderPlaced):
            journey = self.journeys[order_id] = Journey(event)
            yield from journey.begin(now)
        elif type(event) is not PLACE_ORDER.closed_undone:
            # An order that could not be sold was rejected before it had a journey.
            raise UnknownJourney(f"{event.wire_name} for order {order_id}, whose journey never began")

    def overdue(self, now: datetime) -> Iterator[Command]:
        """Look after every loaded journey whose step is overdue."""
        for journey in self.journeys.values():
            yield from journey.overdue(now)
