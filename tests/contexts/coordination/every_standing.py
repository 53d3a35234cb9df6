"""Every standing that an order can come to, whatever is answered, wished or waited for, how often and in whatever
sequence.

Orders that stand alike and have done alike are merged, since the same will become of them. So the search ends, and
covers sequences of every length.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from contexts.coordination.definitions import Definitions
from contexts.coordination.journey import Journey
from contexts.coordination.journeys import Journeys
from contexts.coordination.messages import CancelOrder, ResumeJourney, RetryStep, ReverseJourney
from contexts.coordination.return_order import RETURN_ORDER
from contexts.coordination.saga import Saga
from contexts.coordination.transitions import ESCALATE_AFTER, WISHES, Status, UnknownJourney
from contexts.messages import Command, JourneyEvent
from contexts.orders.messages import OrderPlaced
from tests.contexts.examples import NOW, an_order

from .answers import an_answer_to

#: No answer: the sweeper comes by when the present stage is overdue.
OVERDUE = "overdue"
CANCEL, RESUME, RETRY, REVERSE = "cancel", "resume", "retry", "reverse"

_ORDER = an_order()
_OPERATOR: dict[str, Any] = {"order_id": _ORDER.order_id, "by": "olga", "why": "a test"}


@dataclass(frozen=True)
class Standing:
    """Where a journey stands, and what was sent and answered on the way there. Steps are told by their names."""

    course: Status
    place: int
    pending: tuple[str, ...]
    waits: bool
    stuck: bool
    wish: str | None
    times_sent: int
    #: Why it is being undone, where that is somebody's wish.
    wished: str | None = None
    sent: frozenset[str] = frozenset()
    done: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    undoing: frozenset[str] = frozenset()
    undone: frozenset[str] = frozenset()
    closing: bool = False
    #: What was sent that must not be, if anything was.
    astray: str | None = None

    @property
    def still_done(self) -> frozenset[str]:
        """The steps that were asked for and neither refused nor undone: maybe done, so to be taken for done."""
        return self.sent - self.refused - self.undone

    @property
    def is_final(self) -> bool:
        return self.course in (Status.COMPLETED, Status.UNDONE)


@dataclass(frozen=True)
class Order:
    """How an order's journey stands, and its way back."""

    placing: Standing
    returning: Standing | None = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is under way any more."""
        return self.placing.is_final and (self.returning is None or self.returning.is_final)


class EveryStanding:
    """The standings of orders under a definition, of a total in minor units, and what each input makes of them."""

    def __init__(self, saga: Saga[OrderPlaced], total_minor: int) -> None:
        self.saga = saga
        self.order = _ORDER.model_copy(update={"total_minor": total_minor})
        self.definitions = Definitions(saga, RETURN_ORDER)
        self.inputs = self._inputs()
        journeys = Journeys(self.definitions)
        self.first = self._next(None, journeys, "begin", list(journeys.receive(self.order, NOW)))
        #: Standing -> input -> the commands it sends, and the standing after it.
        self.known: dict[Order, dict[str, Order]] = {}
        self.sends: dict[tuple[Order, str], list[type[Command]]] = {}
        waiting = deque([self.first])
        while waiting:
            order = waiting.popleft()
            if order not in self.known:
                self.known[order] = {name: self._after(order, name) for name in self.inputs}
                waiting.extend(self.known[order].values())

    def _inputs(self) -> Mapping[str, Callable[[Journeys], Iterator[Command]]]:
        inputs: dict[str, Callable[[Journeys], Iterator[Command]]] = {
            OVERDUE: lambda journeys: journeys.overdue(NOW),
            CANCEL: lambda journeys: journeys.cancel(CancelOrder(order_id=_ORDER.order_id), NOW),
            RESUME: lambda journeys: journeys.intervene(ResumeJourney(**_OPERATOR), NOW),
            RETRY: lambda journeys: journeys.intervene(RetryStep(**_OPERATOR), NOW),
            REVERSE: lambda journeys: journeys.intervene(ReverseJourney(**_OPERATOR), NOW),
        }
        for kind in self.definitions.listens_to():
            event = self.order if kind is OrderPlaced else an_answer_to(kind, _ORDER.order_id)
            inputs[kind.wire_name] = partial(_answered, event)
        return inputs

    def _after(self, order: Order, name: str) -> Order:
        journeys = Journeys(self.definitions)
        for saga, standing in ((self.saga, order.placing), (RETURN_ORDER, order.returning)):
            if standing:
                journey = self._journey(saga, standing)
                journeys.journeys[journey.id] = journey
        commands = list(self.inputs[name](journeys))
        self.sends[order, name] = [type(command) for command in commands]
        return self._next(order, journeys, name, commands)

    def _journey(self, saga: Saga[OrderPlaced], standing: Standing) -> Journey:
        journey = Journey(self.order, saga, standing.course, standing.place, standing.pending, wish=standing.wish)
        journey.reason, journey.sent = standing.wished or "test", standing.times_sent
        journey.due_at = NOW if standing.waits else None
        journey.stuck_since = NOW if standing.stuck else None
        return journey

    def _next(self, before: Order | None, journeys: Journeys, name: str, commands: list[Command]) -> Order:
        known = (before.placing if before else None, before.returning if before else None)
        after = []
        for saga, standing in zip((self.saga, RETURN_ORDER), known, strict=True):
            found = [journey for journey in journeys.journeys.values() if journey.saga is saga]
            after.append(Ledger(saga, self.order).entered(standing, found[0], name, commands) if found else None)
        placing, returning = after
        assert placing
        return Order(placing, returning)


def _answered(event: JourneyEvent, journeys: Journeys) -> Iterator[Command]:
    try:
        yield from journeys.receive(event, NOW)
    except UnknownJourney:
        assert len(journeys.journeys) == 1, "only an answer to a return that was never begun belongs to no journey"


class Ledger:
    """What a saga's commands and events mean: read from the definition alone, whatever the engine thinks of them."""

    def __init__(self, saga: Saga[OrderPlaced], order: OrderPlaced) -> None:
        self.steps = {step.name: step for step in saga.steps}
        self.place = {step.name: place for place, stage in enumerate(saga.stages) for step in stage.steps}
        self.does = {type(step.asked(order, "test")): step.name for step in saga.steps}
        self.undoes = {
            type(step.compensation.command(order)): step.name for step in saga.steps if step.compensation is not None
        }
        self.closes = type(saga.close_undone(order, "test"))

    def entered(self, before: Standing | None, journey: Journey, name: str, commands: list[Command]) -> Standing:
        """Return how a journey stands, with what was heard and sent just now."""
        standing = replace(
            before or Standing(journey.course, 0, (), True, False, None, 1),
            course=journey.course,
            place=journey.place,
            pending=journey.pending,
            waits=journey.due_at is not None,
            stuck=journey.stuck_since is not None,
            wish=journey.wish,
            wished=journey.reason if journey.reason in WISHES else None,
            # Sent more often than makes it stuck, it is as if sent so often.
            times_sent=min(journey.sent, ESCALATE_AFTER),
        )
        if before:
            standing = self._heard(before, standing, name)
        for kind in map(type, commands):
            standing = self._sent(standing, kind)
        return standing

    def _heard(self, before: Standing, standing: Standing, name: str) -> Standing:
        done = {one for one, step in self.steps.items() if step.done.wire_name == name}
        refused = {one for one, step in self.steps.items() if step.refused and step.refused.wire_name == name}
        undone = {
            one for one, step in self.steps.items() if step.compensation and step.compensation.done.wire_name == name
        }
        not_undone = {
            one
            for one, step in self.steps.items()
            if step.compensation and step.compensation.refused and step.compensation.refused.wire_name == name
        }
        if before.course is Status.RUNNING:
            standing = replace(standing, done=standing.done | (done & set(before.pending)))
            standing = replace(standing, refused=standing.refused | (refused & set(before.pending)))
        if before.course is Status.COMPENSATING:
            kept = not_undone & set(before.pending)
            standing = replace(standing, done=standing.done | kept, undoing=standing.undoing - kept)
        return replace(standing, undone=standing.undone | (undone & standing.undoing))

    def _sent(self, standing: Standing, kind: type[Command]) -> Standing:
        if kind in self.does:
            step = self.does[kind]
            if standing.undoing or standing.closing:
                standing = replace(standing, astray=f"{kind.__name__} was sent after an undoing command")
            if {one for one, place in self.place.items() if place < self.place[step]} - standing.done:
                standing = replace(standing, astray=f"{kind.__name__} was sent before what comes earlier was done")
            return replace(standing, sent=standing.sent | {step})
        if kind in self.undoes or kind is self.closes:
            place = self.place[self.undoes[kind]] if kind in self.undoes else -1
            if any(self.place[later] > place for later in standing.still_done):
                standing = replace(standing, astray=f"{kind.__name__} was sent before what came later was undone")
            undoing = standing.undoing | ({self.undoes[kind]} if kind in self.undoes else frozenset())
            return replace(standing, undoing=undoing, closing=standing.closing or kind is self.closes)
        return standing
