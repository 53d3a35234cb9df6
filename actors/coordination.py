"""The saga's actor: every answer, from whichever context, moves the order's journey on."""

from collections.abc import Iterable
from datetime import UTC, datetime

from actors.runtime.context import Context
from contexts.coordination.journey import Journeys
from contexts.coordination.messages import ShowJourney, SweepDeadlines
from contexts.coordination.place_order import PLACE_ORDER
from contexts.messages import Command, JourneyEvent
from contexts.views import View
from persistence.coordination import JourneyTables
from persistence.journey_views import JourneyViews
from persistence.postgres_store import PostgresStore

COORDINATION = Context(
    "coordination", store=PostgresStore, repositories={Journeys: JourneyTables, JourneyViews: JourneyViews}
)


@COORDINATION.actor_for(*PLACE_ORDER.listens_to())
def advance(event: JourneyEvent, journeys: Journeys) -> Iterable[Command]:
    """Begin an order's journey, or take it one step on or back."""
    yield from journeys.receive(event, datetime.now(UTC))


@COORDINATION.actor
def sweep_deadlines(command: SweepDeadlines, journeys: Journeys) -> Iterable[Command]:
    """Look after every journey whose present step is overdue."""
    yield from journeys.overdue(command.at)


@COORDINATION.query
def show_journey(query: ShowJourney, views: JourneyViews) -> View | None:
    """Show the timeline of an order's journey."""
    return views.view(query.order_id)
