"""The guarantees that the runtime builds on, shown on a real PostgreSQL: once, all or nothing, never two sweepers."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier, Thread
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy

from contexts.messages import Destination
from persistence.parcels import DeadLetter, Parcel
from persistence.postgres_store import PostgresStore

from .conftest import Open
from .line import Line, line_to
from .virtual_host import eventually

HERE = Destination("inventory", "inventory.reserve_stock")


@pytest.fixture
def store(open_store: Open) -> PostgresStore:
    return open_store("inventory")


@pytest.fixture
def database(schemas: Callable[[str], str]) -> Iterator[psycopg.Connection[Any]]:
    """What an operator sees."""
    with psycopg.connect(schemas("inventory"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def line(store: PostgresStore, schemas: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """A line to the server, which a store that is opened after this one goes over."""
    url = urlsplit(schemas("inventory"))
    with line_to(str(url.hostname), url.port or 5432) as line:
        netloc = f"{url.username}:{url.password}@127.0.0.1:{line.port}"
        monkeypatch.setenv("INVENTORY_DATABASE_URL", url._replace(netloc=netloc).geturl())
        yield line


def due(*messages: bytes, after: float | None = 0) -> Parcel:
    return Parcel(uuid4(), HERE, messages or (b'{"a":1}',), after, attempt=2, last_error="once bitten")


def send(store: PostgresStore, *parcels: Parcel) -> None:
    with store.transaction() as transaction:
        transaction.send(parcels)


def receive(store: PostgresStore, *ids: UUID) -> set[UUID]:
    with store.transaction() as transaction:
        return transaction.receive(ids)


def letter(**changes: Any) -> DeadLetter:
    fields: dict[str, Any] = {
        "id": uuid4(),
        "destination": HERE,
        "message_type": "inventory.ReserveStock.v1",
        "correlation_id": uuid4(),
        "payload": {"body": {"name": "x"}},
        "attempts": 10,
        "error": "KeyError('x')",
        "traceback": "Traceback",
        "died_at": datetime.now(UTC),
    }
    return DeadLetter(**fields | changes)


def test_a_message_is_received_once_however_often_it_comes(store: PostgresStore) -> None:
    one, other = uuid4(), uuid4()

    assert receive(store, one, one) == {one}
    assert receive(store, one, other) == {other}
    assert receive(store, other, one) == set()
    assert receive(store) == set()


def test_of_two_transactions_with_one_message_the_second_waits_and_then_knows_it(
    store: PostgresStore, database: psycopg.Connection[Any]
) -> None:
    contested, seconds = uuid4(), []
    with store.transaction() as first:
        first.receive([contested])
        second = Thread(target=lambda: seconds.append(receive(store, contested)))
        second.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        eventually(lambda: database.execute(waiting).fetchone() != (0,))
        assert seconds == []
    second.join(10)

    assert seconds == [set()]


def test_when_the_first_of_two_rolls_back_the_second_gets_the_message(
    store: PostgresStore, database: psycopg.Connection[Any]
) -> None:
    contested, seconds = uuid4(), []
    with pytest.raises(ZeroDivisionError), store.transaction() as first:  # noqa: PT012 - the whole is one transaction
        first.receive([contested])
        second = Thread(target=lambda: seconds.append(receive(store, contested)))
        second.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        eventually(lambda: database.execute(waiting).fetchone() != (0,))
        raise ZeroDivisionError
    second.join(10)

    assert seconds == [{contested}]


def test_batches_with_the_same_messages_in_any_order_never_deadlock(store: PostgresStore) -> None:
    ids, together = [uuid4() for _ in range(60)], Barrier(6)

    def batch(number: int) -> set[UUID]:
        together.wait()
        return receive(store, *(ids if number % 2 else ids[::-1]))

    with ThreadPoolExecutor(6) as threads:
        received = [identity for part in threads.map(batch, range(6)) for identity in part]

    assert sorted(received) == sorted(ids)


def test_looking_for_unseen_messages_enters_nothing(store: PostgresStore) -> None:
    seen, unseen = uuid4(), uuid4()
    receive(store, seen)

    for _ in range(2):
        with store.transaction() as transaction:
            assert transaction.unseen([seen, unseen]) == {unseen}
            assert transaction.unseen([]) == set()


def test_a_message_that_is_forgotten_can_be_received_again(store: PostgresStore) -> None:
    kept, again = uuid4(), uuid4()
    with store.transaction() as transaction:
        transaction.receive([kept, again])
        transaction.forget([again])

    assert receive(store, kept, again) == {again}


def test_a_transaction_that_raises_leaves_nothing(store: PostgresStore, database: psycopg.Connection[Any]) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction() as transaction:  # noqa: PT012 - the whole is one transaction
        transaction.receive([uuid4()])
        transaction.send([due()])
        transaction.bury(letter())
        raise ZeroDivisionError

    for table in ("inbox", "outbox", "dead_letters"):
        assert database.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)


def test_a_parcel_is_claimed_as_it_was_sent(store: PostgresStore) -> None:
    parcel = due(b'{"a":1}', b'{"b":"\xc3\xa9"}')
    send(store, parcel)

    (claimed,) = store.claim_due(10)

    assert (claimed.id, claimed.destination, claimed.attempt) == (parcel.id, HERE, 2)
    assert claimed.messages == parcel.messages


def test_parcels_are_not_due_before_their_time_nor_while_their_writer_may_still_relay_them(
    store: PostgresStore,
) -> None:
    send(store, due(after=60), due(after=None))

    assert store.claim_due(10) == []


def test_a_parcel_that_is_there_already_is_left_as_it_is(store: PostgresStore) -> None:
    parcel = due()
    send(store, parcel)
    send(store, Parcel(parcel.id, HERE, (b"{}",), after_seconds=60))

    assert [claimed.messages for claimed in store.claim_due(10)] == [parcel.messages]


def test_what_is_claimed_is_not_claimed_again_and_what_is_sent_is_gone(
    store: PostgresStore, database: psycopg.Connection[Any]
) -> None:
    parcels = [due() for _ in range(3)]
    send(store, *parcels)

    claimed = store.claim_due(2) + store.claim_due(2)
    assert {parcel.id for parcel in claimed} == {parcel.id for parcel in parcels}
    assert store.claim_due(2) == []
    store.delete_sent([parcel.id for parcel in claimed])
    assert database.execute("SELECT count(*) FROM outbox").fetchone() == (0,)


def test_a_claim_that_came_to_nothing_runs_out(store: PostgresStore, database: psycopg.Connection[Any]) -> None:
    parcel = due()
    send(store, parcel)
    store.claim_due(10)

    (left,) = database.execute("SELECT extract(epoch FROM available_at - now()) FROM outbox").fetchall()
    assert 25 < left[0] <= 30
    database.execute("UPDATE outbox SET available_at = available_at - interval '30 seconds'")
    assert [claimed.id for claimed in store.claim_due(10)] == [parcel.id]


def test_sweepers_never_claim_the_same_parcel(store: PostgresStore) -> None:
    parcels, together = [due() for _ in range(400)], Barrier(4)
    send(store, *parcels)

    def sweep(_: int) -> list[UUID]:
        together.wait()
        return [parcel.id for _ in range(20) for parcel in store.claim_due(50)]

    with ThreadPoolExecutor(4) as threads:
        claimed = [identity for part in threads.map(sweep, range(4)) for identity in part]

    assert sorted(claimed) == sorted(parcel.id for parcel in parcels)


def test_a_dead_letter_keeps_everything_and_dies_again_in_its_place(
    store: PostgresStore, database: psycopg.Connection[Any]
) -> None:
    first = letter(payload={"body": {"name": 'Žluťoučký "kůň"', "none": None}})
    with store.transaction() as transaction:
        transaction.bury(first)
    database.execute("UPDATE dead_letters SET status = 'RETRIED'")
    with store.transaction() as transaction:
        transaction.bury(letter(id=first.id, attempts=11, error="ValueError()", traceback="another"))

    columns = "status, queue, actor, message_type, correlation_id, payload, attempts, error, traceback"
    rows = database.execute(f"SELECT {columns} FROM dead_letters".encode()).fetchall()
    before = (HERE.queue, HERE.actor, first.message_type, first.correlation_id, first.payload)
    assert rows == [("DEAD", *before, 11, "ValueError()", "another")]


def test_a_message_that_jsonb_cannot_hold_can_be_buried(
    store: PostgresStore, database: psycopg.Connection[Any]
) -> None:
    with store.transaction() as transaction:
        transaction.bury(letter(payload={"name": "a\0b"}, error="a\0b", traceback="a\0b", message_type="a\0b"))

    (row,) = database.execute("SELECT payload::text, error FROM dead_letters").fetchall()
    assert "a\\\\u0000b" in row[0]
    assert "a" in row[1]
    assert "b" in row[1]


def test_the_inbox_forgets_only_what_is_old_enough(store: PostgresStore, database: psycopg.Connection[Any]) -> None:
    old, new = uuid4(), uuid4()
    receive(store, old, new)
    database.execute("UPDATE inbox SET received_at = now() - interval '1 hour' WHERE id = %s", (old,))

    assert store.prune_inbox(1800) == 1
    assert receive(store, old, new) == {old}


def test_a_connection_that_the_server_ends_is_a_passing_fault_and_the_next_ones_work(
    store: PostgresStore, database: psycopg.Connection[Any]
) -> None:
    identity = uuid4()
    with pytest.raises(psycopg.OperationalError) as fault, store.transaction() as transaction:  # noqa: PT012
        transaction.receive([identity])
        end(database, transaction.connection.info.backend_pid)
        transaction.unseen([identity])

    assert store.is_passing_fault(fault.value)
    assert receive(store, identity) == {identity}


def test_after_all_connections_were_ended_only_one_transaction_notices(
    store: PostgresStore, database: psycopg.Connection[Any]
) -> None:
    together = Barrier(8)

    def open_one(_: int) -> int:
        with store.transaction() as transaction:
            together.wait()
            return transaction.connection.info.backend_pid

    with ThreadPoolExecutor(8) as threads:
        end(database, *threads.map(open_one, range(8)))

    with pytest.raises(psycopg.OperationalError) as fault:
        receive(store, uuid4())
    assert store.is_passing_fault(fault.value)
    for _ in range(8):
        receive(store, uuid4())


def test_a_line_that_is_cut_is_a_passing_fault_until_it_is_mended(line: Line) -> None:
    store = PostgresStore("inventory")
    identity = uuid4()
    receive(store, identity)

    line.cut()
    for _ in range(2):
        with pytest.raises((psycopg.OperationalError, sqlalchemy.exc.OperationalError)) as fault:
            receive(store, identity)
        assert store.is_passing_fault(fault.value)
    line.mend()
    assert receive(store, identity) == set()
    store.close()


def test_a_commit_whose_answer_is_lost_was_done_and_repeating_it_does_nothing(line: Line) -> None:
    store = PostgresStore("inventory")
    identity = uuid4()
    line.lose_answer_to(b"COMMIT")

    with pytest.raises(psycopg.OperationalError) as fault:
        receive(store, identity)

    assert line.lost.is_set()
    assert store.is_passing_fault(fault.value)
    assert receive(store, identity) == set()
    store.close()


def test_faults_of_the_work_itself_are_not_passing(store: PostgresStore) -> None:
    too_long = "SELECT to_tsvector(string_agg('word' || n, ' ')) FROM generate_series(1, 150000) n"
    for wrong in ("SELECT 1/0", "SELECT nothing", "SET LOCAL statement_timeout = 1; SELECT pg_sleep(5)", too_long):
        with pytest.raises(psycopg.Error) as fault, store.transaction() as transaction:
            transaction.connection.execute(wrong.encode())
        assert not store.is_passing_fault(fault.value), wrong
    assert not store.is_passing_fault(ZeroDivisionError())


def test_a_deadlock_is_a_passing_fault(store: PostgresStore) -> None:
    both, faults = Barrier(2), []

    def lock(first: int, second: int) -> None:
        try:
            with store.transaction() as transaction:
                transaction.connection.execute("SELECT pg_advisory_xact_lock(%s)", (first,))
                both.wait()
                transaction.connection.execute("SELECT pg_advisory_xact_lock(%s)", (second,))
        except psycopg.Error as error:
            faults.append(error)

    threads = [Thread(target=lock, args=keys) for keys in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert [store.is_passing_fault(fault) for fault in faults] == [True]


def end(database: psycopg.Connection[Any], *pids: int) -> None:
    """Have the server end connections, as an operator would."""
    database.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) pid", (list(pids),))
