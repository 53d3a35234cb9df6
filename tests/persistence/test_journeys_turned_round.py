"""Cancelled, stuck and mended journeys, and journeys of an older definition, in a real PostgreSQL."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from importlib import import_module
from queue import Queue
from typing import Any
from uuid import UUID

import psycopg
import pytest

from contexts.coordination.definitions import Definitions, journey_id
from contexts.coordination.journey import Journey
from contexts.coordination.messages import (
    CancelOrder,
    ResumeJourney,
    RetryStep,
    ReverseJourney,
    ShowJourney,
    SweepDeadlines,
)
from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.place_order_1 import PLACE_ORDER_1
from contexts.coordination.return_order import RETURN_ORDER
from contexts.coordination.saga import Kind, Step
from contexts.coordination.transitions import AT_RISK_MINOR, Status
from contexts.delivery.messages import RecallShipment, ShipmentRecalled
from contexts.inventory.messages import RestockReturn, StockReserved, StockReturned, StockUnavailable
from contexts.messages import Command, JourneyEvent, Message
from contexts.orders.messages import (
    CapturePayment,
    CompleteOrder,
    OrderCompleted,
    OrderPlaced,
    OrderRejected,
    OrderReturned,
    PaymentCaptured,
    PaymentRefunded,
    RefundPayment,
    SettleOrder,
)
from contexts.views import A_MOMENT, AN_HOUR, View
from persistence.coordination import JourneyTables
from persistence.journey_views import JourneyViews
from persistence.postgres_store import PostgresStore
from tests.contexts.coordination.answers import an_answer_to
from tests.contexts.coordination.test_place_order import STRAIGHT
from tests.contexts.examples import NOW, an_order

from .conftest import Open
from .lock_waits import await_a_lock
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


@pytest.fixture
def look(schemas: Callable[[str], str]) -> Iterator[Callable[..., list[Any]]]:
    """Ask the database as an operator would."""
    with psycopg.connect(schemas("coordination"), autocommit=True) as connection:
        yield lambda query, *parameters: connection.execute(query, parameters).fetchall()


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


def test_a_completed_order_that_is_cancelled_gets_a_journey_of_its_own_for_the_way_back(
    store: PostgresStore, look: Callable[..., list[Any]]
) -> None:
    order = completed(store)

    assert take(store, CancelOrder(order_id=order.order_id)) == [RecallShipment(order_id=order.order_id)]

    rows = look("SELECT id, saga_type, status FROM sagas WHERE associated_id = %s ORDER BY 2", str(order.order_id))
    assert rows == [
        (order.order_id, "place_order", "COMPLETED"),
        (journey_id("return_order", order.order_id), "return_order", "RUNNING"),
    ]
    returning = journeys_of(store, order)["return_order"]
    assert (returning.order, returning.reason, returning.pending) == (order, "cancelled", ("recall",))


def test_what_of_two_parallel_steps_is_answered_is_kept(store: PostgresStore, look: Callable[..., list[Any]]) -> None:
    order = completed(store)
    take(store, CancelOrder(order_id=order.order_id))
    sent = take(store, *answers(order, ShipmentRecalled, StockReturned))
    assert [type(command) for command in sent] == [RefundPayment, RestockReturn]

    ((state, step),) = look("SELECT state, current_step FROM sagas WHERE id = %s", returning_id(order))
    assert (state["pending"], step) == (["refund"], "refund")
    take(store, *answers(order, PaymentRefunded, OrderReturned))
    assert journeys_of(store, order)["return_order"].status is Status.COMPLETED


def returning_id(order: OrderPlaced) -> UUID:
    return journey_id("return_order", order.order_id)


def test_a_wish_outlives_the_transaction_and_the_return_begins_with_the_completion(store: PostgresStore) -> None:
    order = an_order()
    take(store, *answers(order, OrderPlaced, *STRAIGHT[:3]), CancelOrder(order_id=order.order_id))

    sent = take(store, *answers(order, *STRAIGHT[3:]))

    assert sent == [RecallShipment(order_id=order.order_id)]
    assert set(journeys_of(store, order)) == {"place_order", "return_order"}


def test_two_cancellations_at_once_begin_one_return(store: PostgresStore) -> None:
    for _ in range(5):
        order = completed(store)
        cancellations = [CancelOrder(order_id=order.order_id)] * 4
        with ThreadPoolExecutor(4) as threads:
            sent = [command for one in threads.map(partial(take, store), cancellations) for command in one]

        assert sent == [RecallShipment(order_id=order.order_id)]
        begun_and_done = len(STRAIGHT) + 2
        assert journeys_of(store, order)["place_order"].version == begun_and_done + 4


def test_a_cancellation_and_the_completion_in_two_transactions_at_once_forget_nothing(store: PostgresStore) -> None:
    for _ in range(5):
        order = an_order()
        take(store, *answers(order, OrderPlaced, *STRAIGHT[:-1]))
        both: list[Message] = [CancelOrder(order_id=order.order_id), *answers(order, STRAIGHT[-1])]
        with ThreadPoolExecutor(2) as threads:
            sent = [command for one in threads.map(partial(take, store), both) for command in one]

        assert sent == [RecallShipment(order_id=order.order_id)]


def test_a_cancellation_does_not_change_when_the_order_was_completed(
    store: PostgresStore, look: Callable[..., list[Any]]
) -> None:
    order = completed(store)

    take(store, CancelOrder(order_id=order.order_id), at=NOW + timedelta(days=1))

    (row,) = look("SELECT completed_at, updated_at FROM workflows WHERE id = %s", order.order_id)
    assert row == (NOW, NOW + timedelta(days=1))


def test_whoever_waited_for_a_journey_sees_when_it_was_completed_and_leaves_that_alone(
    store: PostgresStore, look: Callable[..., list[Any]]
) -> None:
    order = an_order()
    take(store, *answers(order, OrderPlaced, *STRAIGHT[:-1]))
    (last,) = answers(order, STRAIGHT[-1])
    cancel = CancelOrder(order_id=order.order_id)
    pids: Queue[int] = Queue()

    def cancels() -> None:
        with store.transaction() as transaction:
            pids.put(transaction.connection.info.backend_pid)
            journeys = JourneyTables(transaction.connection)
            journeys.prefetch([cancel])
            list(journeys.cancel(cancel, NOW + timedelta(hours=1)))
            journeys.flush()

    with ThreadPoolExecutor(1) as thread:
        with loaded(store, JourneyTables, last) as journeys:
            list(journeys.receive(last, NOW))
            waiting = thread.submit(cancels)
            await_a_lock(look, pids.get(timeout=20))
        waiting.result(timeout=20)

    assert look("SELECT status, completed_at FROM workflows WHERE id = %s", order.order_id) == [("COMPLETED", NOW)]
    assert journeys_of(store, order)["place_order"].ended_at == NOW


def stuck(store: PostgresStore, **changes: Any) -> OrderPlaced:
    """An order whose capture is overdue for the second time."""
    order = an_order(**changes)
    take(store, *answers(order, OrderPlaced, *STRAIGHT[:3]))
    for hours in (1, 3):
        take(store, SweepDeadlines(at=NOW + timedelta(hours=hours)))
    return order


def test_a_stuck_journey_shows_since_when_what_next_and_how_much_is_at_risk(
    store: PostgresStore, look: Callable[..., list[Any]]
) -> None:
    order = stuck(store)

    query = "SELECT status, stuck_since, next_action, at_risk_minor, state->>'course' FROM sagas WHERE id = %s"
    expected = ("STUCK", NOW + timedelta(hours=3), "send SettleOrder again", order.total_minor, "RUNNING")
    assert look(query, order.order_id) == [expected]
    assert look("SELECT status FROM workflows WHERE id = %s", order.order_id) == [("STUCK",)]
    (payload,) = look(
        "SELECT payload FROM workflow_events WHERE workflow_id = %s AND event_type = 'JourneyStuck'", order.order_id
    )[0]
    assert (payload["at_risk_minor"], payload["currency"]) == (order.total_minor, "USD")


def test_the_sweep_looks_after_stuck_journeys_too_and_an_answer_frees_them(
    store: PostgresStore, look: Callable[..., list[Any]]
) -> None:
    order = stuck(store)
    command = SettleOrder(order_id=order.order_id)

    assert command in take(store, SweepDeadlines(at=NOW + timedelta(hours=8)))
    take(store, *answers(order, STRAIGHT[3]))

    query = "SELECT status, stuck_since, at_risk_minor, state ? 'course' FROM sagas WHERE id = %s"
    assert look(query, order.order_id) == [("COMPLETED", None, None, False)]


def test_an_operator_frees_a_stuck_journey_and_is_remembered(
    store: PostgresStore, look: Callable[..., list[Any]]
) -> None:
    order = stuck(store, total_minor=AT_RISK_MINOR)

    assert take(store, ResumeJourney(order_id=order.order_id, **WHO)) == [SettleOrder(order_id=order.order_id)]
    take(store, RetryStep(order_id=order.order_id, **WHO), ReverseJourney(order_id=order.order_id, **WHO))

    told = look(
        "SELECT event_type, payload->>'by', payload->>'why' FROM workflow_events"
        " WHERE workflow_id = %s AND payload ? 'by' ORDER BY sequence",
        order.order_id,
    )
    assert told == [(kind, *WHO.values()) for kind in ("JourneyResumed", "StepRetried", "ReversalNoted")]


@pytest.mark.parametrize(
    ("condition", "order", "index"),
    [
        ("status = 'STUCK'", "stuck_since", "idx_sagas_stuck"),
        ("status IN ('RUNNING', 'COMPENSATING', 'STUCK') AND look_at <= now()", "look_at", "idx_sagas_look_at"),
    ],
)
def test_what_is_stuck_and_what_is_due_is_found_by_an_index(
    look: Callable[..., list[Any]], condition: str, order: str, index: str
) -> None:
    look("SELECT set_config('enable_seqscan', 'off', false), set_config('enable_bitmapscan', 'off', false)")

    query = f"EXPLAIN SELECT id, next_action FROM sagas WHERE {condition} ORDER BY {order} LIMIT 500"
    plan = "\n".join(line for (line,) in look(query))

    assert index in plan
    assert "Sort" not in plan


def shown(store: PostgresStore, order: OrderPlaced) -> View:
    """What a reader sees of an order's journeys."""
    query = ShowJourney(order_id=order.order_id, reply_to="", query_id=order.order_id)
    with loaded(store, JourneyViews, query) as views:
        view = views.view(order.order_id)
    assert view
    return view


def test_an_order_that_returns_is_shown_with_both_journeys_but_not_with_what_people_said(store: PostgresStore) -> None:
    order = completed(store)
    take(store, CancelOrder(order_id=order.order_id, reason="I am moving to Paris"), at=NOW + timedelta(hours=1))

    view = shown(store, order)

    assert view.body["status"] == "COMPLETED"
    assert view.body["return"] == {"status": "RUNNING", "current_step": "recall"}
    assert [line["what"] for line in view.body["timeline"]][-2:] == ["ReturnBegun", "JourneyBegun"]
    assert "Paris" not in str(view)


def test_a_view_is_kept_long_only_when_nothing_can_change_any_more(store: PostgresStore) -> None:
    order, undone = completed(store), an_order()
    assert shown(store, order).keep_seconds == A_MOMENT, "it may still return"

    take(store, CancelOrder(order_id=order.order_id))
    assert shown(store, order).keep_seconds == A_MOMENT
    take(store, *answers(order, ShipmentRecalled, PaymentRefunded, StockReturned, OrderReturned))
    assert shown(store, order).keep_seconds == AN_HOUR

    take(store, *answers(undone, OrderPlaced, StockUnavailable))
    assert shown(store, undone).keep_seconds == A_MOMENT
    take(store, *answers(undone, OrderRejected))
    assert shown(store, undone).keep_seconds == AN_HOUR


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
    store: PostgresStore, look: Callable[..., list[Any]]
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
    store: PostgresStore, look: Callable[..., list[Any]], answered: int
) -> None:
    kinds: tuple[type[JourneyEvent], ...] = (*STRAIGHT[:3], PaymentCaptured, OrderCompleted)
    order = an_order()
    sent = take(store, *answers(order, OrderPlaced, *kinds[:answered]), by=first_code)

    sent += take(store, *answers(order, *kinds[answered:]))

    assert [type(command) for command in sent][3:] == [CapturePayment, CompleteOrder]
    query = "SELECT definition_version, status FROM sagas WHERE id = %s"
    assert look(query, order.order_id) == [(1, "COMPLETED")]
    assert take(store, CancelOrder(order_id=order.order_id)) == [RecallShipment(order_id=order.order_id)]


def test_journeys_that_were_stored_before_there_were_parallel_steps_go_on(
    store: PostgresStore, look: Callable[..., list[Any]]
) -> None:
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
