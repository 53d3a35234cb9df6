"""A journey as a test tells it: what begins it, what it receives, how long nothing comes, who wishes what, what it
sends."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Self

from contexts.coordination import journey
from contexts.coordination.definitions import Definitions, journey_id
from contexts.coordination.journeys import Journeys
from contexts.coordination.messages import CancelOrder, Intervention
from contexts.coordination.return_order import RETURN_ORDER
from contexts.coordination.saga import Saga
from contexts.coordination.transitions import Status, Transition
from contexts.messages import Command, JourneyEvent
from contexts.orders.messages import OrderPlaced
from tests.contexts.examples import NOW

from .answers import an_answer_to


class Journey:
    """One order's journey, its way back if it has one, and everything that was sent so far."""

    def __init__(self, saga: Saga[OrderPlaced]) -> None:
        self.journeys = Journeys(Definitions(saga, RETURN_ORDER))
        self.now: datetime = NOW
        self.sent: list[Command] = []

    def begin(self, order: OrderPlaced) -> Self:
        """Place the order."""
        self.order = order
        self.sent += self.journeys.receive(order, self.now)
        return self

    def receives(self, *kinds: type[JourneyEvent]) -> Self:
        """Answer with an event of each kind, one after the other."""
        for kind in kinds:
            answer = self.order if kind is OrderPlaced else an_answer_to(kind, self.order.order_id)
            self.sent += self.journeys.receive(answer, self.now)
        return self

    def waits(self, time: timedelta) -> Self:
        """Let time pass without an answer, then let the sweeper come by."""
        self.now += time
        self.sent += self.journeys.overdue(self.now)
        return self

    def waits_too_long(self, times: int = 1) -> Self:
        """Let exactly so much time pass that the present stage is overdue, so many times."""
        for _ in range(times):
            due_at = self.under_way.due_at
            assert due_at is not None, "a journey that waits for nothing cannot be overdue"
            self.waits(due_at - self.now)
        return self

    def is_cancelled(self, words: str = "") -> Self:
        """Let the customer cancel."""
        self.sent += self.journeys.cancel(CancelOrder(order_id=self.order.order_id, reason=words), self.now)
        return self

    def meets(self, kind: type[Intervention], why: str = "it has to be") -> Self:
        """Let olga, an operator, intervene."""
        command = kind(order_id=self.order.order_id, by="olga", why=why)
        self.sent += self.journeys.intervene(command, self.now)
        return self

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
    def state(self) -> journey.Journey:
        """The journey that places the order."""
        return self.journeys.journeys[self.order.order_id]

    @property
    def returning(self) -> journey.Journey | None:
        """The order's way back."""
        return self.journeys.journeys.get(journey_id(RETURN_ORDER.name, self.order.order_id))

    @property
    def under_way(self) -> journey.Journey:
        """The one that is not over, or else that which places the order."""
        return self.returning if self.returning and not self.returning.is_final else self.state

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
