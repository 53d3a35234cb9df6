"""Journeys in a real PostgreSQL, brought so far, each message in a transaction of its own."""

from datetime import datetime, timedelta
from typing import Any

from contexts.coordination.journey import Journey
from contexts.coordination.messages import (
    CancelOrder,
    SweepDeadlines,
)
from contexts.messages import Command, JourneyEvent, Message
from contexts.orders.messages import (
    OrderPlaced,
)
from persistence.coordination import JourneyTables
from persistence.postgres_store import PostgresStore
from tests.contexts.coordination.answers import an_answer_to
from tests.contexts.coordination.test_place_order import STRAIGHT
from tests.contexts.examples import NOW, an_order

from .transactions import loaded


def take(store: PostgresStore, *messages: Message, at: datetime = NOW, by: Any = JourneyTables) -> list[Command]:
    """Take events and wishes, each in a transaction of its own; return what is sent."""
    sent: list[Command] = []
    for message in messages:
        with loaded(store, by, message) as journeys:
            match message:
                case CancelOrder():
                    sent += journeys.cancel(message, at)
                case SweepDeadlines():
                    sent += journeys.overdue(message.at)
                case JourneyEvent():
                    sent += journeys.receive(message, at)
                case _:
                    sent += journeys.intervene(message, at)
    return sent


def answers(order: OrderPlaced, *kinds: type[JourneyEvent]) -> list[JourneyEvent]:
    return [order if kind is OrderPlaced else an_answer_to(kind, order.order_id) for kind in kinds]


def completed(store: PostgresStore, **changes: Any) -> OrderPlaced:
    order = an_order(**changes)
    take(store, *answers(order, OrderPlaced, *STRAIGHT))
    return order


def journeys_of(store: PostgresStore, order: OrderPlaced) -> dict[str, Journey]:
    """An order's journeys by saga, as a fresh repository finds them."""
    with loaded(store, JourneyTables, CancelOrder(order_id=order.order_id)) as found:
        return {journey.saga.name: journey for journey in found.journeys.values()}


def stuck(store: PostgresStore, **changes: Any) -> OrderPlaced:
    """An order whose capture is overdue for the second time."""
    order = an_order(**changes)
    take(store, *answers(order, OrderPlaced, *STRAIGHT[:3]))
    for hours in (1, 3):
        take(store, SweepDeadlines(at=NOW + timedelta(hours=hours)))
    return order
