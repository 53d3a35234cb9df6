"""A journey as a test tells it: what begins it, what it receives, how long nothing comes, what it sends."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Self

from contexts.coordination import journey
from contexts.coordination.journey import Status, Transition
from contexts.coordination.saga import Saga
from contexts.messages import Command, JourneyEvent
from contexts.orders.messages import OrderPlaced
from tests.contexts.examples import NOW, an_answer


class Journey:
    """One order's journey and everything that it has sent so far."""

    def __init__(self, saga: Saga[OrderPlaced]) -> None:
        self.saga = saga
        self.now: datetime = NOW
        self.sent: list[Command] = []

    def begin(self, order: OrderPlaced) -> Self:
        """Place the order."""
        self.order = order
        self.state = journey.Journey(order, self.saga)
        self.sent += self.state.begin(self.now)
        return self

    def receives(self, *kinds: type[JourneyEvent]) -> Self:
        """Answer with an event of each kind, one after the other."""
        for kind in kinds:
            self.sent += self.state.receive(an_answer(kind, self.order.order_id), self.now)
        return self

    def waits(self, time: timedelta) -> Self:
        """Let time pass without an answer, then let the sweeper come by."""
        self.now += time
        self.sent += self.state.overdue(self.now)
        return self

    def waits_too_long(self) -> Self:
        """Let exactly so much time pass that the present step is overdue."""
        assert self.state.due_at is not None, "a journey that waits for nothing cannot be overdue"
        return self.waits(self.state.due_at - self.now)

    def sent_kinds(self) -> Sequence[type]:
        """Return the kinds of all commands sent, in the order in which they were sent."""
        return [type(command) for command in self.sent]

    def sends_on(self) -> Sequence[type]:
        """Return the kinds of what was sent since this was asked last."""
        kinds = self.sent_kinds()[self._told :]
        self._told = len(self.sent)
        return kinds

    _told = 0

    @property
    def status(self) -> Status:
        return self.state.status

    @property
    def reason(self) -> str | None:
        return self.state.reason

    @property
    def history(self) -> list[Transition]:
        return self.state.history

    def recorded(self) -> list[str]:
        """Return the kinds of the audit trail's lines."""
        return [transition.kind for transition in self.history]
