"""Cancelled, stuck and mended journeys, in a real PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from queue import Queue
from uuid import UUID

import pytest

from contexts.coordination.definitions import journey_id
from contexts.coordination.messages import (
    CancelOrder,
    ResumeJourney,
    RetryStep,
    ReverseJourney,
    ShowJourney,
    SweepDeadlines,
)
from contexts.coordination.transitions import AT_RISK_MINOR, Status
from contexts.delivery.messages import RecallShipment, ShipmentRecalled
from contexts.inventory.messages import RestockReturn, StockReturned, StockUnavailable
from contexts.messages import Message
from contexts.orders.messages import (
    OrderPlaced,
    OrderRejected,
    OrderReturned,
    PaymentRefunded,
    RefundPayment,
    SettleOrder,
)
from contexts.views import A_MOMENT, AN_HOUR, View
from persistence.coordination import JourneyTables
from persistence.journey_views import JourneyViews
from persistence.postgres_store import PostgresStore
from tests.contexts.coordination.test_place_order import STRAIGHT
from tests.contexts.examples import NOW, an_order

from .conftest import Look, Open
from .journeys_in_store import answers, completed, journeys_of, stuck, take
from .lock_waits import await_a_lock
from .transactions import loaded

WHO = {"by": "olga", "why": "it has to be"}


@pytest.fixture
def store(open_store: Open) -> PostgresStore:
    return open_store("coordination")


def test_a_completed_order_that_is_cancelled_gets_a_journey_of_its_own_for_the_way_back(
    store: PostgresStore, look: Look
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


def test_what_of_two_parallel_steps_is_answered_is_kept(store: PostgresStore, look: Look) -> None:
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


def test_a_cancellation_does_not_change_when_the_order_was_completed(store: PostgresStore, look: Look) -> None:
    order = completed(store)

    take(store, CancelOrder(order_id=order.order_id), at=NOW + timedelta(days=1))

    (row,) = look("SELECT completed_at, updated_at FROM workflows WHERE id = %s", order.order_id)
    assert row == (NOW, NOW + timedelta(days=1))


def test_whoever_waited_for_a_journey_sees_when_it_was_completed_and_leaves_that_alone(
    store: PostgresStore, look: Look
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


def test_a_stuck_journey_shows_since_when_what_next_and_how_much_is_at_risk(store: PostgresStore, look: Look) -> None:
    order = stuck(store)

    query = "SELECT status, stuck_since, next_action, at_risk_minor, state->>'course' FROM sagas WHERE id = %s"
    expected = ("STUCK", NOW + timedelta(hours=3), "send SettleOrder again", order.total_minor, "RUNNING")
    assert look(query, order.order_id) == [expected]
    assert look("SELECT status FROM workflows WHERE id = %s", order.order_id) == [("STUCK",)]
    (payload,) = look(
        "SELECT payload FROM workflow_events WHERE workflow_id = %s AND event_type = 'JourneyStuck'", order.order_id
    )[0]
    assert (payload["at_risk_minor"], payload["currency"]) == (order.total_minor, "USD")


def test_the_sweep_looks_after_stuck_journeys_too_and_an_answer_frees_them(store: PostgresStore, look: Look) -> None:
    order = stuck(store)
    command = SettleOrder(order_id=order.order_id)

    assert command in take(store, SweepDeadlines(at=NOW + timedelta(hours=8)))
    take(store, *answers(order, STRAIGHT[3]))

    query = "SELECT status, stuck_since, at_risk_minor, state ? 'course' FROM sagas WHERE id = %s"
    assert look(query, order.order_id) == [("COMPLETED", None, None, False)]


def test_an_operator_frees_a_stuck_journey_and_is_remembered(store: PostgresStore, look: Look) -> None:
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
def test_what_is_stuck_and_what_is_due_is_found_by_an_index(look: Look, condition: str, order: str, index: str) -> None:
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
