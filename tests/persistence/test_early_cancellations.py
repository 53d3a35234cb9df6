"""A cancellation and its order at one moment, in two transactions of a real PostgreSQL: neither misses the other."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from queue import Queue
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from contexts.coordination.messages import CancelOrder
from contexts.coordination.transitions import Status
from contexts.inventory.messages import ReleaseStock, ReserveStock
from contexts.messages import Command, Message
from contexts.orders.messages import OrderPlaced, OrderRejected, RejectOrder
from persistence.coordination import JourneyTables
from persistence.postgres_store import PostgresStore
from tests.contexts.coordination.answers import an_answer_to
from tests.contexts.coordination.test_place_order import STRAIGHT
from tests.contexts.examples import NOW, an_order

from .conftest import Look, Open
from .lock_waits import await_a_lock
from .own_schemas import own_schema

REVISION = import_module("persistence.migrations.coordination.versions.0003_early_cancellations")

#: Which transaction begins, and what is sent in the end.
PLACED_FIRST, CANCELLED_FIRST = [ReserveStock, ReleaseStock], [RejectOrder]


@pytest.fixture
def store(open_store: Open) -> PostgresStore:
    return open_store("coordination")


@contextmanager
def taking(store: PostgresStore, *messages: Message, pids: Queue[int] | None = None) -> Iterator[list[Command]]:
    """Take messages in one transaction that stays open until the block ends; yields what is sent."""
    with store.transaction() as transaction:
        if pids:
            pids.put(transaction.connection.info.backend_pid)
        journeys = JourneyTables(transaction.connection)
        journeys.prefetch(messages)
        sent: list[Command] = []
        for message in messages:
            if isinstance(message, CancelOrder):
                sent += journeys.cancel(message, NOW)
            else:
                sent += journeys.receive(message, NOW)  # type: ignore[arg-type]
        journeys.flush()
        yield sent


def take(store: PostgresStore, *messages: Message, pids: Queue[int] | None = None) -> list[Command]:
    with taking(store, *messages, pids=pids) as sent:
        return sent


def waiting(look: Look, of: UUID) -> list[Any]:
    return look("SELECT reason, at FROM early_cancellations WHERE order_id = %s", of)


def one_within_the_other(store: PostgresStore, look: Look, first: Message, second: Message) -> list[type[Command]]:
    """Take the second while the first is not committed yet; return the kinds of what is sent, the first's first."""
    pids: Queue[int] = Queue()
    with ThreadPoolExecutor(1) as thread:
        with taking(store, first) as sent:
            later: Future[list[Command]] = thread.submit(take, store, second, pids=pids)
            await_a_lock(look, pids.get(timeout=20))
        return [type(command) for command in sent + later.result(timeout=20)]


def test_a_cancellation_waits_for_its_order_and_is_written_down_once(store: PostgresStore, look: Look) -> None:
    order = an_order()

    for words in ("found it cheaper", "again"):
        assert take(store, CancelOrder(order_id=order.order_id, reason=words)) == []

    assert waiting(look, order.order_id) == [("found it cheaper", NOW)]
    assert take(store, order) == [RejectOrder(order_id=order.order_id, reason="cancelled")]
    assert waiting(look, order.order_id) == []
    trail = "SELECT event_type, payload->>'words' FROM workflow_events WHERE workflow_id = %s ORDER BY sequence"
    assert look(trail, order.order_id) == [("JourneyBegun", None), ("JourneyCancelled", "found it cheaper")]


def test_the_cancellation_of_an_order_that_was_rejected_without_a_journey_is_deleted(
    store: PostgresStore, look: Look
) -> None:
    order, other = an_order(), an_order()
    take(store, CancelOrder(order_id=order.order_id), CancelOrder(order_id=other.order_id))

    assert take(store, an_answer_to(OrderRejected, order.order_id)) == []

    assert waiting(look, order.order_id) == []
    assert waiting(look, other.order_id) == [("", NOW)]


@pytest.mark.parametrize("answers", [0, 1, 4])
def test_an_order_whose_journey_has_begun_leaves_nothing_waiting(
    store: PostgresStore, look: Look, answers: int
) -> None:
    order = an_order()
    take(store, order, *[an_answer_to(kind, order.order_id) for kind in STRAIGHT[:answers]])

    take(store, CancelOrder(order_id=order.order_id))

    assert waiting(look, order.order_id) == []


def test_what_fails_with_its_batch_goes_on_waiting(store: PostgresStore, look: Look) -> None:
    order = an_order()
    take(store, CancelOrder(order_id=order.order_id))

    with pytest.raises(RuntimeError, match="the batch failed"), taking(store, order):
        raise RuntimeError("the batch failed")

    assert waiting(look, order.order_id) == [("", NOW)]


@pytest.mark.parametrize("times", [1, 8], ids=["new statements", "prepared statements"])
def test_a_cancellation_that_comes_while_its_order_is_not_committed_yet_waits_for_it_and_undoes_it(
    store: PostgresStore, look: Look, times: int
) -> None:
    for _ in range(times):
        order = an_order()

        sent = one_within_the_other(store, look, order, CancelOrder(order_id=order.order_id))

        assert sent == PLACED_FIRST
        assert waiting(look, order.order_id) == []


@pytest.mark.parametrize("times", [1, 8], ids=["new statements", "prepared statements"])
def test_an_order_that_comes_while_its_cancellation_is_not_committed_yet_waits_for_it_and_is_closed(
    store: PostgresStore, look: Look, times: int
) -> None:
    for _ in range(times):
        order = an_order()

        sent = one_within_the_other(store, look, CancelOrder(order_id=order.order_id), order)

        assert sent == CANCELLED_FIRST
        assert waiting(look, order.order_id) == []


def test_orders_do_not_wait_for_each_other_nor_for_the_cancellation_of_an_order_that_has_begun(
    store: PostgresStore, look: Look
) -> None:
    begun = an_order()
    take(store, begun)
    look("SELECT set_config('lock_timeout', '5000', false)")
    locks = "SELECT mode FROM pg_locks WHERE relation = 'early_cancellations'::regclass ORDER BY mode"

    with taking(store, an_order()), taking(store, CancelOrder(order_id=begun.order_id)), taking(store, an_order()):
        assert look(locks) == [("RowExclusiveLock",)] * 2


def test_a_cancellation_that_waits_holds_back_no_reader(store: PostgresStore, look: Look) -> None:
    look("SELECT set_config('lock_timeout', '5000', false)")
    order = an_order()

    with taking(store, CancelOrder(order_id=order.order_id)):
        assert waiting(look, order.order_id) == [], "it is not committed yet"


def test_batches_of_orders_and_cancellations_at_once_miss_nothing_and_never_deadlock(
    store: PostgresStore, look: Look
) -> None:
    chance = Random(7)
    for _ in range(20):
        orders = [an_order() for _ in range(6)]
        cancellations = [CancelOrder(order_id=order.order_id) for order in orders]
        placed, cancelled = (chance.sample(batch, len(batch)) for batch in (orders, cancellations))
        batches: list[list[Any]] = [placed[:3], cancelled[:3], placed[3:], cancelled[3:]]
        with ThreadPoolExecutor(4) as threads:
            sent = [command for one in threads.map(lambda batch: take(store, *batch), batches) for command in one]

        for order in orders:
            kinds = [type(one) for one in sent if getattr(one, "order_id", None) == order.order_id]
            assert sorted(kinds, key=str) in (sorted(PLACED_FIRST, key=str), CANCELLED_FIRST)
        ids = [order.order_id for order in orders]
        assert look("SELECT DISTINCT status FROM sagas WHERE id = ANY(%s)", ids) == [(Status.COMPENSATING.value,)]
        assert look("SELECT 1 FROM early_cancellations WHERE order_id = ANY(%s)", ids) == []


def test_the_revision_before_does_not_come_back_while_a_cancellation_waits() -> None:
    with own_schema("coordination") as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO early_cancellations VALUES (%s, '', now())", (uuid4(),))

        with pytest.raises(psycopg.errors.RaiseException, match="Cancellations wait"):
            connection.execute(REVISION.DOWNGRADE)

        connection.execute("DELETE FROM early_cancellations")
        connection.execute(REVISION.DOWNGRADE)
        left = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'early_cancellations'"
        assert connection.execute(left).fetchall() == []


def test_an_order_that_is_told_twice_after_its_cancellation_begins_once(store: PostgresStore, look: Look) -> None:
    order: OrderPlaced = an_order()
    take(store, CancelOrder(order_id=order.order_id))

    assert [type(command) for command in take(store, order, order)] == CANCELLED_FIRST
    assert take(store, order) == []
