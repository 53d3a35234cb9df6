"""The journeys of some orders: each event, wish and tick of the clock finds the one that it is about."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contexts.coordination.definitions import SAGAS, Definitions, journey_id
from contexts.coordination.journey import Journey
from contexts.coordination.messages import CancelOrder, Intervention, ReverseJourney
from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.transitions import CANCELLED, REVERSED, Status, UnknownJourney
from contexts.messages import Command, JourneyEvent, Message
from contexts.orders.messages import OrderPlaced


@dataclass(frozen=True, slots=True)
class EarlyCancellation:
    """A cancellation that came before the order: the customer's words ("" for none), and when it came."""

    reason: str
    at: datetime


class Journeys:
    """The journeys that a batch is about, in memory, by their own ids.

    An order has one that places it and, if it is cancelled after its pivot, one that returns it. What is cancelled
    before its journey begins waits in `early_cancellations`, by order, until the order is placed or rejected.
    """

    def __init__(self, definitions: Definitions = SAGAS) -> None:
        self.definitions = definitions
        self.journeys: dict[UUID, Journey] = {}
        self.early_cancellations: dict[UUID, EarlyCancellation] = {}

    def receive(self, event: JourneyEvent, now: datetime) -> Iterator[Command]:
        """Begin a journey or move one on; raises `UnknownJourney` for an answer to nothing."""
        name = self.definitions.hearing(type(event))
        journey = self.journeys.get(journey_id(name, event.order_id))
        if journey is not None:
            was_final = journey.is_final
            yield from journey.receive(event, now)
            if journey.wish and journey.course is Status.COMPLETED and not was_final:
                yield from self._return(journey, journey.wish, {}, now)
        elif isinstance(event, OrderPlaced):
            yield from self._begin_placing(Journey(event, self.definitions.newest(name)), now)
        elif type(event) is PLACE_ORDER.closed_undone:
            # An order that could not be sold was rejected before it had a journey: nothing is left to cancel.
            self.early_cancellations.pop(event.order_id, None)
        else:
            raise UnknownJourney(f"{event.wire_name} for order {event.order_id}, whose journey never began")

    def cancel(self, command: CancelOrder, now: datetime) -> Iterator[Command]:
        """Undo an order, or have it returned; one whose journey did not begin yet is undone as soon as it does."""
        journey = self.journeys.get(command.order_id)
        words = {"words": command.reason} if command.reason else {}
        if journey is None:
            self.early_cancellations.setdefault(command.order_id, EarlyCancellation(command.reason, now))
        elif self._may_return(journey):
            yield from self._return(journey, CANCELLED, words, now)
        else:
            yield from journey.cancel(command, now)

    def intervene(self, command: Intervention, now: datetime) -> Iterator[Command]:
        """Do what an operator wants with an order's unfinished journey; raises `UnknownJourney` if it never had one."""
        journey = self.concerned(command)
        if isinstance(command, ReverseJourney) and self._may_return(journey):
            yield from self._return(journey, REVERSED, {"by": command.by, "why": command.why}, now)
        else:
            yield from journey.intervene(command, now)

    def objection(self, command: Intervention) -> str | None:
        """Say in words why an operator cannot do this now; None if it can be done. Raises `UnknownJourney`."""
        journey = self.concerned(command)
        if isinstance(command, ReverseJourney) and self._may_return(journey):
            return None
        return journey.objection(type(command))

    def concerned(self, command: Intervention) -> Journey:
        """Return the journey that an intervention is about: the order's return while there is an unfinished one."""
        journey = self._placing(command)
        returning = self._returning(journey)
        return journey if returning is None or returning.is_final else returning

    def overdue(self, now: datetime) -> Iterator[Command]:
        """Look after every loaded journey whose stage is overdue."""
        for journey in self.journeys.values():
            yield from journey.overdue(now)

    def stuck_since(self, moment: datetime) -> list[Journey]:
        """Return the journeys that are stuck since exactly then."""
        return [journey for journey in self.journeys.values() if journey.stuck_since == moment]

    def _placing(self, command: Intervention) -> Journey:
        journey = self.journeys.get(command.order_id)
        if journey is None:
            raise UnknownJourney(f"{command.wire_name} for order {command.order_id}, whose journey did not begin")
        return journey

    def _returning(self, journey: Journey) -> Journey | None:
        name = journey.saga.returned_by
        return self.journeys.get(journey_id(name, journey.order.order_id)) if name else None

    def _may_return(self, journey: Journey) -> bool:
        completed = journey.course is Status.COMPLETED
        return completed and journey.saga.returned_by is not None and self._returning(journey) is None

    def _return(self, journey: Journey, reason: str, detail: Mapping[str, str], now: datetime) -> Iterator[Command]:
        journey.note_return(reason, detail, now)
        name = journey.saga.returned_by or ""
        yield from self._begin(Journey(journey.order, self.definitions.newest(name)), now, reason)

    def _begin_placing(self, journey: Journey, now: datetime) -> Iterator[Command]:
        early = self.early_cancellations.pop(journey.id, None)
        if early is None:
            yield from self._begin(journey, now)
        else:
            words = {"words": early.reason} if early.reason else {}
            self.journeys[journey.id] = journey
            yield from journey.begin_cancelled(words | {"came_at": early.at.isoformat()}, now)

    def _begin(self, journey: Journey, now: datetime, reason: str | None = None) -> Iterator[Command]:
        self.journeys[journey.id] = journey
        yield from journey.begin(now, reason)


def journeys_of(message: Message, definitions: Definitions = SAGAS) -> Iterator[UUID]:
    """Yield the ids of the journeys that a message is about, the one that places the order first."""
    if isinstance(message, JourneyEvent):
        yield journey_id(definitions.hearing(type(message)), message.order_id)
    elif isinstance(message, CancelOrder | Intervention):
        for name in dict.fromkeys(saga.name for saga in definitions):
            yield journey_id(name, message.order_id)
