"""Journeys of older definitions and revisions, in a real PostgreSQL: what began under one ends under it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import Any

import psycopg
import pytest

from contexts.coordination.definitions import Definitions
from contexts.coordination.messages import (
    CancelOrder,
    ResumeJourney,
    SweepDeadlines,
)
from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.place_order_1 import PLACE_ORDER_1
from contexts.coordination.return_order import RETURN_ORDER
from contexts.coordination.saga import Kind, Step
from contexts.delivery.messages import RecallShipment, ShipmentRecalled
from contexts.inventory.messages import RestockReturn, StockReserved, StockReturned, StockUnavailable
from contexts.messages import JourneyEvent
from contexts.orders.messages import (
    CapturePayment,
    CompleteOrder,
    OrderCompleted,
    OrderPlaced,
    OrderReturned,
    PaymentCaptured,
    PaymentRefunded,
    SettleOrder,
)
from persistence.coordination import JourneyTables
from persistence.postgres_store import PostgresStore
from tests.contexts.coordination.test_place_order import STRAIGHT
from tests.contexts.examples import NOW, an_order

from .conftest import Look, Open
from .journeys_in_store import answers, completed, journeys_of, stuck, take
from .own_schemas import own_schema
from .transactions import loaded

VERSIONS = "persistence.migrations.coordination.versions"
#: The revision that made STUCK a state of its own, and those since that its downgrade builds upon.
REVISION = import_module(f"{VERSIONS}.0002_stuck_journeys")
SINCE = [import_module(f"{VERSIONS}.{name}") for name in ("0005_light_steps", "0004_look_at")]

WHO = {"by": "olga", "why": "it has to be"}


@pytest.fixture
def store(open_store: Open) -> PostgresStore:
    return open_store("coordination")


INSPECT: Step[OrderPlaced] = Step(
    "inspect",
    Kind.RETRIABLE,
    command=lambda order: RestockReturn(order_id=order.order_id, lines=()),
    done=StockReturned,
)
#: Without a return, so that its event may stand for the new step here.
OLD = replace(PLACE_ORDER, version=90, returned_by=None)
NEW = replace(OLD, version=91, stages=(*OLD.stages[:3], INSPECT, *OLD.stages[3:]))


def test_a_journey_that_began_under_an_older_definition_ends_under_it_and_a_new_one_under_the_new(
    store: PostgresStore, look: Look
) -> None:
    def old_code(connection: Any) -> JourneyTables:
        return JourneyTables(connection, Definitions(OLD))

    def new_code(connection: Any) -> JourneyTables:
        return JourneyTables(connection, Definitions(OLD, NEW))

    first, second = an_order(), an_order()
    take(store, *answers(first, OrderPlaced, *STRAIGHT[:2]), by=old_code)
    take(store, *answers(second, OrderPlaced, *STRAIGHT[:2]), by=new_code)

    sent = {one: take(store, *answers(one, STRAIGHT[2]), by=new_code) for one in (first, second)}

    assert [type(command) for command in sent[first]] == [SettleOrder]
    assert [type(command) for command in sent[second]] == [RestockReturn]
    take(store, *answers(first, STRAIGHT[3]), *answers(second, StockReturned, STRAIGHT[3]), by=new_code)
    for order, version in ((first, 90), (second, 91)):
        query = "SELECT definition_version, status FROM sagas WHERE id = %s"
        assert look(query, order.order_id) == [(version, "COMPLETED")]


def test_a_journey_under_a_definition_that_is_not_known_here_is_left_to_those_who_know_it(store: PostgresStore) -> None:
    order = an_order()
    take(store, *answers(order, OrderPlaced), by=lambda connection: JourneyTables(connection, Definitions(OLD, NEW)))

    with pytest.raises(KeyError):
        take(store, *answers(order, StockReserved))
    late = SweepDeadlines(at=NOW + timedelta(hours=1))
    with loaded(store, JourneyTables, late) as journeys:
        assert order.order_id not in journeys.journeys


def first_code(connection: Any) -> JourneyTables:
    """As it was when settling was two steps."""
    return JourneyTables(connection, Definitions(PLACE_ORDER_1, RETURN_ORDER))


@pytest.mark.parametrize("answered", range(5))
def test_a_journey_of_the_first_version_ends_under_it_wherever_it_is_at_the_upgrade(
    store: PostgresStore, look: Look, answered: int
) -> None:
    kinds: tuple[type[JourneyEvent], ...] = (*STRAIGHT[:3], PaymentCaptured, OrderCompleted)
    order = an_order()
    sent = take(store, *answers(order, OrderPlaced, *kinds[:answered]), by=first_code)

    sent += take(store, *answers(order, *kinds[answered:]))

    assert [type(command) for command in sent][3:] == [CapturePayment, CompleteOrder]
    query = "SELECT definition_version, status FROM sagas WHERE id = %s"
    assert look(query, order.order_id) == [(1, "COMPLETED")]
    assert take(store, CancelOrder(order_id=order.order_id)) == [RecallShipment(order_id=order.order_id)]


def test_journeys_that_were_stored_before_there_were_parallel_steps_go_on(store: PostgresStore, look: Look) -> None:
    order, undone = an_order(), an_order()
    first = [*answers(order, OrderPlaced, StockReserved), *answers(undone, OrderPlaced, StockUnavailable)]
    take(store, *first, by=first_code)
    look("UPDATE sagas SET state = state - 'pending' - 'wish' WHERE id = ANY(%s) RETURNING 1", [order.order_id])
    look("UPDATE sagas SET state = state - 'pending' WHERE id = ANY(%s) RETURNING 1", [undone.order_id])

    assert [type(one) for one in take(store, *answers(order, *STRAIGHT[1:3]))][-1] is CapturePayment
    assert journeys_of(store, undone)["place_order"].current_step == "close"


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[PostgresStore, psycopg.Connection[Any]]]:
    """A store in a schema that may be taken back, and a connection to do it."""
    with own_schema("coordination") as url, psycopg.connect(url, autocommit=True) as connection:
        monkeypatch.setenv("COORDINATION_DATABASE_URL", url)
        store = PostgresStore("coordination")
        yield store, connection
        store.close()


def test_the_revision_before_does_not_come_back_while_a_journey_is_stuck(
    own: tuple[PostgresStore, psycopg.Connection[Any]],
) -> None:
    store, connection = own
    order = stuck(store)

    with pytest.raises(psycopg.errors.RaiseException, match="There are STUCK journeys"):
        connection.execute(REVISION.DOWNGRADE)

    assert connection.execute("SELECT status, stuck_since FROM sagas").fetchone() == ("STUCK", NOW + timedelta(hours=3))
    take(store, ResumeJourney(order_id=order.order_id, **WHO))
    for newer in SINCE:
        connection.execute(newer.DOWNGRADE)
    connection.execute(REVISION.DOWNGRADE)
    assert connection.execute("SELECT status FROM sagas").fetchall() == [("RUNNING",)]


def test_the_revision_before_does_not_come_back_while_an_order_returns(
    own: tuple[PostgresStore, psycopg.Connection[Any]],
) -> None:
    store, connection = own
    order = completed(store)
    take(store, CancelOrder(order_id=order.order_id))

    with pytest.raises(psycopg.errors.RaiseException, match="There are unfinished returns"):
        connection.execute(REVISION.DOWNGRADE)

    take(store, *answers(order, ShipmentRecalled, PaymentRefunded, StockReturned, OrderReturned))
    for newer in SINCE:
        connection.execute(newer.DOWNGRADE)
    connection.execute(REVISION.DOWNGRADE)
    assert connection.execute("SELECT count(*) FROM sagas").fetchone() == (2,)
