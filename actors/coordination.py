"""The saga's actors: every answer, from whichever context, moves the order's journey on; people may turn it round."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime

from actors.runtime.context import Context
from contexts.coordination.definitions import SAGAS
from contexts.coordination.journeys import Journeys
from contexts.coordination.messages import (
    CancelOrder,
    Intervention,
    ResumeJourney,
    RetryStep,
    ReverseJourney,
    ShowJourney,
    SweepDeadlines,
)
from contexts.messages import Command, JourneyEvent
from contexts.money import to_decimal
from contexts.views import View
from persistence.coordination import JourneyTables
from persistence.journey_views import JourneyViews
from persistence.postgres_store import PostgresStore

logger = logging.getLogger(__name__)

COORDINATION = Context(
    "coordination", store=PostgresStore, repositories={Journeys: JourneyTables, JourneyViews: JourneyViews}
)


@COORDINATION.actor_for(*SAGAS.listens_to())
def advance(event: JourneyEvent, journeys: Journeys) -> Iterable[Command]:
    """Begin an order's journey, or take it one step on or back: the actor of each event that a saga waits for."""
    yield from journeys.receive(event, datetime.now(UTC))


@COORDINATION.actor
def cancel_order(command: CancelOrder, journeys: Journeys) -> Iterable[Command]:
    """Undo an order that its customer does not want any more, or have it returned."""
    yield from journeys.cancel(command, datetime.now(UTC))


@COORDINATION.actor_for(ResumeJourney, RetryStep, ReverseJourney)
def intervene(command: Intervention, journeys: Journeys) -> Iterable[Command]:
    """Do what an operator wants with an order's unfinished journey."""
    yield from journeys.intervene(command, datetime.now(UTC))


@COORDINATION.actor
def sweep_deadlines(command: SweepDeadlines, journeys: Journeys) -> Iterable[Command]:
    """Look after every journey whose present stage is overdue; what gets stuck is an operator's, and said aloud."""
    yield from journeys.overdue(command.at)
    for journey in journeys.stuck_since(command.at):
        order = journey.order
        logger.error(
            "order %s is stuck in %s at %s: %s %s at risk; next: %s",
            order.order_id,
            journey.saga.name,
            journey.current_step,
            to_decimal(order.total_minor, order.currency),
            order.currency,
            journey.next_action,
        )


@COORDINATION.query
def show_journey(query: ShowJourney, views: JourneyViews) -> View | None:
    """Show the timeline of an order's journey."""
    return views.view(query.order_id)
