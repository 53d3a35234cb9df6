"""Where one order's journey stands, what it waits for, and what it asks for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from contexts.coordination.definitions import journey_id
from contexts.coordination.saga import Kind, Saga, Stage, Step
from contexts.coordination.transitions import FINAL, Status, Transition
from contexts.messages import Command
from contexts.orders.messages import OrderPlaced


@dataclass(slots=True)
class Standing:
    """A saga of one order, between two transitions.

    `course` is where it goes: RUNNING or COMPENSATING until it is COMPLETED or UNDONE. `place` is the index of the
    present stage, -1 while an undone order is being closed; `pending` the steps of it that are still to be answered.
    `wish` is why somebody wants the order undone that could not be undone yet. `reason` is why it is undone.
    """

    order: OrderPlaced
    saga: Saga[OrderPlaced]
    course: Status = Status.RUNNING
    place: int = 0
    pending: tuple[str, ...] = ()
    version: int = 0
    reason: str | None = None
    wish: str | None = None
    due_at: datetime | None = None
    sent: int = 1
    stage_began: datetime | None = None
    stuck_since: datetime | None = None
    ended_at: datetime | None = None
    history: list[Transition] = field(default_factory=list)
    id: UUID = field(init=False)

    def __post_init__(self) -> None:
        """Name the journey: as its order where it is the one that places it."""
        self.id = journey_id(self.saga.name, self.order.order_id)

    @property
    def status(self) -> Status:
        """Where it stands, for people."""
        return self.course if self.stuck_since is None else Status.STUCK

    @property
    def is_final(self) -> bool:
        """Whether it has come to its end."""
        return self.course in FINAL

    @property
    def current_step(self) -> str | None:
        """The steps whose answers are waited for, joined by +; `close` while an undone order is being closed."""
        return None if self.is_final else "+".join(self.pending) or "close"

    @property
    def next_action(self) -> str | None:
        """What happens at `due_at` without an answer, in words."""
        if self.is_final:
            return None
        known, key = self.saga.next_actions, (self.course, *self.pending)
        if key not in known:
            known[key] = self._worded()[:200]
        return known[key]

    def _worded(self) -> str:
        if self.must_succeed:
            return f"send {' and '.join(type(one).__name__ for one in self.commands())} again"
        return f"undo {self.current_step} and all that was done before"

    @property
    def must_succeed(self) -> bool:
        """Whether what it waits for is sent again until it is answered, and never given up."""
        stage = self.stage
        if self.course is Status.COMPENSATING or stage.kind is Kind.RETRIABLE:
            return True
        return stage.kind is Kind.PIVOT and not self.can_be_undone

    def commands(self) -> Iterator[Command]:
        """Yield what is waited for: steps to do, or to undo, or the end of an order that has nothing left to undo."""
        reason = self.reason or "undone"
        if self.place < 0:
            yield self.saga.close_undone(self.order, reason)
        for step in self.awaited():
            if self.course is Status.COMPENSATING and step.compensation:
                yield step.compensation.command(self.order)
            else:
                yield step.asked(self.order, reason)

    def awaited(self) -> Iterator[Step[OrderPlaced]]:
        """Yield the steps of the present stage that are still to be answered."""
        for step in self.stage.steps if self.place >= 0 else ():
            if step.name in self.pending:
                yield step

    @property
    def stage(self) -> Stage[OrderPlaced]:
        """The present stage; there is none at an end, nor while an undone order is being closed."""
        return self.saga.stages[self.place]

    @property
    def may_go_forward(self) -> bool:
        """Whether it may still be completed: it is under way, or a compensation is waited for that may be refused."""
        if self.course is Status.COMPENSATING:
            return any(step.compensation and step.compensation.refused for step in self.awaited())
        return self.course is Status.RUNNING

    @property
    def can_be_undone(self) -> bool:
        """Whether everything that may be done by now can be taken back by compensations."""
        return all(step.compensation for step in self.stage.steps)
