"""Journeys in a real PostgreSQL: state, workflow and audit trail agree, and two sweeps never take the same journey."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from contexts.coordination.journey import Journey
from contexts.coordination.messages import ShowJourney, SweepDeadlines
from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.transitions import RESEND_AFTER, Status, UnknownJourney
from contexts.inventory.messages import StockReleased, StockReserved, StockUnavailable
from contexts.messages import Command, JourneyEvent
from contexts.orders.messages import (
    Address,
    AuthorizePayment,
    OrderPlaced,
    OrderRejected,
    PaymentDeclined,
    PricedLine,
    ReversePayment,
)
from persistence.coordination import JourneyTables
from persistence.journey_views import JourneyViews
from persistence.memory import Memory
from persistence.postgres_store import PostgresStore
from persistence.setwise import Overtaken

from .conftest import Open
from .transactions import loaded

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(open_store: Open) -> PostgresStore:
    return open_store("coordination")


def an_order() -> OrderPlaced:
    line = PricedLine(product_id=uuid4(), sku="CD-1", name='"Žluť"', quantity=2, unit_price_minor=150, total_minor=300)
    return OrderPlaced(
        order_id=uuid4(),
        order_number="FV-1",
        customer_id=uuid4(),
        lines=(line,),
        total_minor=300,
        currency="USD",
        shipping_address=Address(name="Jane", street="1", city="X", postal_code="1", country="US"),
        shipping_method="STANDARD",
        card_token="tok_visa",
    )


def take(store: PostgresStore, *events: JourneyEvent, at: datetime = NOW) -> list[Command]:
    """Receive events in one transaction; return what is sent."""
    with loaded(store, JourneyTables, *events) as journeys:
        return [command for event in events for command in journeys.receive(event, at)]


def of_another_process(connection: Connection[Any]) -> JourneyTables:
    """A repository that remembers nothing."""
    return JourneyTables(connection, memory=Memory())


def journey_of(store: PostgresStore, order: OrderPlaced) -> Journey:
    """The journey as a process loads it that never saw it."""
    with loaded(store, of_another_process, StockReleased(order_id=order.order_id)) as journeys:
        return journeys.journeys[order.order_id]


def reserved(order: OrderPlaced) -> StockReserved:
    return StockReserved(order_id=order.order_id, expires_at=NOW)


def rejection(order: OrderPlaced) -> OrderRejected:
    return OrderRejected(
        order_id=order.order_id,
        order_number="FV-1",
        customer_id=order.customer_id,
        email="jane@example.com",
        total_minor=300,
        currency="USD",
        lines=order.lines,
        reason="reserve_refused",
    )


def test_a_journey_is_found_again_at_its_step_with_everything_it_is_about(store: PostgresStore) -> None:
    order = an_order()
    take(store, order)

    sent = take(store, reserved(order), at=NOW + timedelta(seconds=1))

    journey = journey_of(store, order)
    assert sent == [AuthorizePayment(order_id=order.order_id, card_token="tok_visa")]
    assert (journey.status, journey.current_step, journey.version) == (Status.RUNNING, "pay", 2)
    assert journey.order == order
    assert journey.due_at == NOW + timedelta(seconds=1) + PLACE_ORDER.steps[1].deadline


def test_a_journey_that_begins_and_ends_within_one_batch_is_whole(store: PostgresStore) -> None:
    order = an_order()
    rejected = rejection(order)
    unavailable = StockUnavailable(order_id=order.order_id, product_id=None, requested=1, available=0)

    take(store, order, unavailable, rejected)

    journey = journey_of(store, order)
    assert (journey.status, journey.reason, journey.due_at) == (Status.UNDONE, "reserve_refused", None)


def test_state_workflow_and_audit_trail_agree(store: PostgresStore, schemas: Callable[[str], str]) -> None:
    order = an_order()
    declined = PaymentDeclined(order_id=order.order_id, payment_id=uuid4(), code="no")
    take(store, order)
    take(store, reserved(order), reserved(order))
    take(store, declined)

    with psycopg.connect(schemas("coordination")) as connection:
        saga = connection.execute("SELECT status, current_step, version FROM sagas WHERE id = %s", [order.order_id])
        assert saga.fetchone() == ("COMPENSATING", "reserve", 4)
        workflow = connection.execute("SELECT status, current_step FROM workflows WHERE id = %s", [order.order_id])
        assert workflow.fetchone() == ("COMPENSATING", "reserve")
        events = connection.execute(
            "SELECT sequence, event_type FROM workflow_events WHERE workflow_id = %s ORDER BY 1", [order.order_id]
        ).fetchall()
    assert events == [(1, "JourneyBegun"), (2, "StepDone"), (3, "AnswerIgnored"), (4, "StepRefused")]
    with loaded(store, JourneyViews, ShowJourney(order_id=order.order_id, reply_to="", query_id=uuid4())) as views:
        view = views.view(order.order_id)
    assert view is not None
    assert (view.version, view.body["current_step"]) == (4, "reserve")
    assert [line["what"] for line in view.body["timeline"]] == [kind for _, kind in events]


def test_an_answer_to_a_journey_that_never_began_is_refused(store: PostgresStore) -> None:
    with pytest.raises(UnknownJourney):
        take(store, StockReleased(order_id=uuid4()))


def test_the_same_order_told_twice_begins_one_journey(store: PostgresStore) -> None:
    order = an_order()

    assert len(take(store, order, order)) == 1
    assert take(store, order) == []
    assert journey_of(store, order).version == 3


def overdue(repository: JourneyTables, at: datetime, *of: UUID) -> list[UUID]:
    """Look after overdue journeys; return those among `of` that were."""
    sent = list(repository.overdue(at))
    return [one for one in of if any(getattr(command, "order_id", None) == one for command in sent)]


def test_an_overdue_step_is_undone_once(store: PostgresStore) -> None:
    order = an_order()
    take(store, order)
    take(store, reserved(order))
    late = NOW + timedelta(minutes=11)

    for at, expected in ((NOW + timedelta(minutes=1), []), (late, [order.order_id]), (late, [])):
        with loaded(store, JourneyTables, SweepDeadlines(at=at)) as journeys:
            assert overdue(journeys, at, order.order_id) == expected

    journey = journey_of(store, order)
    assert (journey.status, journey.reason) == (Status.COMPENSATING, "pay_overdue")


def test_a_command_that_must_succeed_is_sent_again_when_it_is_overdue(store: PostgresStore) -> None:
    order = an_order()
    take(store, order)
    take(store, reserved(order))
    late = NOW + timedelta(minutes=11)
    with loaded(store, JourneyTables, SweepDeadlines(at=late)) as journeys:
        overdue(journeys, late)

    later = late + RESEND_AFTER
    with loaded(store, JourneyTables, SweepDeadlines(at=later)) as journeys:
        sent: list[Any] = list(journeys.overdue(later))

    assert ReversePayment(order_id=order.order_id) in sent


def test_two_sweeps_at_once_never_take_the_same_journey_and_never_wait(store: PostgresStore) -> None:
    orders = [an_order() for _ in range(20)]
    take(store, *orders)
    ids = [order.order_id for order in orders]
    late = NOW + timedelta(minutes=11)
    sweep = SweepDeadlines(at=late)

    with store.transaction() as transaction:
        transaction.connection.execute("SET LOCAL lock_timeout = 5000")
        first = JourneyTables(transaction.connection)
        transaction.connection.execute("SELECT 1 FROM sagas WHERE id = ANY(%s) FOR UPDATE", (ids[:10],))
        with loaded(store, JourneyTables, sweep) as second:
            taken_second = overdue(second, late, *ids)
        first.prefetch([sweep])
        taken_first = overdue(first, late, *ids)
        first.flush()

    assert sorted(taken_first) == sorted(ids[:10])
    assert sorted(taken_second) == sorted(ids[10:])


def test_journeys_on_the_way_and_journeys_at_their_end_are_never_overdue(store: PostgresStore) -> None:
    order = an_order()
    take(store, order)
    early = NOW + timedelta(minutes=9, seconds=59)

    with loaded(store, JourneyTables, SweepDeadlines(at=early)) as journeys:
        assert order.order_id not in journeys.journeys


def look_at(store: PostgresStore, order: OrderPlaced) -> datetime:
    """The moment before which no sweep looks at a journey."""
    with store.transaction() as transaction:
        row = transaction.connection.execute("SELECT look_at FROM sagas WHERE id = %s", (order.order_id,)).fetchone()
    assert row
    moment: datetime = row[0]
    return moment


def swept(store: PostgresStore, order: OrderPlaced, at: datetime) -> list[Command]:
    """What a sweep sends for an order."""
    with loaded(store, JourneyTables, SweepDeadlines(at=at)) as journeys:
        return [command for command in journeys.overdue(at) if getattr(command, "order_id", None) == order.order_id]


def test_a_step_leaves_the_index_of_deadlines_alone_and_a_sweep_puts_the_journey_off(store: PostgresStore) -> None:
    order, later = an_order(), NOW + timedelta(minutes=9)
    first_due = NOW + PLACE_ORDER.steps[0].deadline
    take(store, order)
    take(store, reserved(order), at=later)
    assert look_at(store, order) == first_due

    assert swept(store, order, first_due) == []

    assert look_at(store, order) == later + PLACE_ORDER.steps[1].deadline
    assert swept(store, order, look_at(store, order)) == [ReversePayment(order_id=order.order_id)]


def test_a_step_that_is_due_earlier_than_the_one_before_is_looked_at_earlier(store: PostgresStore) -> None:
    order = an_order()
    take(store, order)
    with store.transaction() as transaction:
        transaction.connection.execute(
            "UPDATE sagas SET look_at = look_at + interval '1 day' WHERE id = %s", (order.order_id,)
        )

    take(store, reserved(order))

    assert look_at(store, order) == NOW + PLACE_ORDER.steps[1].deadline


def test_a_journey_is_remembered_from_its_first_step_to_its_last(store: PostgresStore) -> None:
    order, memory = an_order(), Memory[Journey]()

    def of_this_process(connection: Connection[Any]) -> JourneyTables:
        return JourneyTables(connection, memory=memory)

    for event in (order, StockUnavailable(order_id=order.order_id, product_id=None, requested=1, available=0)):
        with loaded(store, of_this_process, event, remember=True) as journeys:
            list(journeys.receive(event, NOW))
        assert memory.peek(order.order_id) == journey_of(store, order)

    rejected = rejection(order)
    with loaded(store, of_this_process, rejected, remember=True) as journeys:
        list(journeys.receive(rejected, NOW))

    assert memory.peek(order.order_id) is None
    assert journey_of(store, order).status is Status.UNDONE


def test_a_step_that_another_worker_took_is_not_taken_again_from_memory(store: PostgresStore) -> None:
    order, memory = an_order(), Memory[Journey]()

    def of_this_process(connection: Connection[Any]) -> JourneyTables:
        return JourneyTables(connection, memory=memory)

    with loaded(store, of_this_process, order, remember=True) as journeys:
        list(journeys.receive(order, NOW))
    with loaded(store, of_another_process, reserved(order)) as journeys:
        list(journeys.receive(reserved(order), NOW))

    with pytest.raises(Overtaken), loaded(store, of_this_process, reserved(order)) as journeys:
        list(journeys.receive(reserved(order), NOW))
    with loaded(store, of_this_process, reserved(order)) as journeys:
        assert list(journeys.receive(reserved(order), NOW)) == []

    assert journey_of(store, order).version == 3
