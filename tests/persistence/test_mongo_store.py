"""The guarantees that the runtime builds on, shown on a real MongoDB: once, all or nothing, and never two sweepers."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from contexts.messages import Destination
from persistence.collections import ensure_collections
from persistence.databases import notifications_database
from persistence.mongo_store import MongoStore, OvertakenError
from persistence.parcels import DeadLetter, Parcel

HERE = Destination("notifications", "notifications.put_template")


@pytest.fixture
def database() -> Iterator[Database[dict[str, Any]]]:
    """A database of the test's own, dropped at its end."""
    given = notifications_database()
    own = given.client.get_database(f"{given.name}_test_{uuid4().hex[:12]}")
    ensure_collections(own)
    yield own
    given.client.drop_database(own.name)
    given.client.close()


@pytest.fixture
def store(database: Database[dict[str, Any]]) -> MongoStore:
    return MongoStore("notifications", database)


def due(*messages: bytes) -> Parcel:
    """A parcel whose time has come."""
    return Parcel(uuid4(), HERE, messages or (b'{"a":1}',), after_seconds=0, attempt=2, last_error="once bitten")


def send(store: MongoStore, *parcels: Parcel) -> None:
    with store.transaction() as transaction:
        transaction.send(parcels)


def receive(store: MongoStore, *ids: UUID) -> set[UUID]:
    with store.transaction() as transaction:
        return transaction.receive(ids)


def letter(**changes: Any) -> DeadLetter:
    fields: dict[str, Any] = {
        "id": uuid4(),
        "destination": HERE,
        "message_type": "notifications.PutTemplate.v1",
        "correlation_id": uuid4(),
        "payload": {"body": {"name": "x"}},
        "attempts": 10,
        "error": "RenderError()",
        "traceback": "Traceback",
        "died_at": datetime.now(UTC),
    }
    return DeadLetter(**fields | changes)


def test_a_message_is_received_once_however_often_it_comes(store: MongoStore) -> None:
    one, other = uuid4(), uuid4()

    assert receive(store, one, one) == {one}
    assert receive(store, one, other) == {other}
    assert receive(store, one, other) == set()


def test_looking_for_unseen_messages_enters_nothing(store: MongoStore) -> None:
    seen, unseen = uuid4(), uuid4()
    receive(store, seen)

    with store.transaction() as transaction:
        assert transaction.unseen([seen, unseen]) == {unseen}
    with store.transaction() as transaction:
        assert transaction.unseen([seen, unseen]) == {unseen}


def test_what_was_found_unseen_and_then_received_elsewhere_is_a_passing_fault_and_then_found_done(
    store: MongoStore, database: Database[dict[str, Any]]
) -> None:
    ours, theirs = uuid4(), uuid4()
    with store.transaction() as transaction:
        transaction.unseen([ours, theirs])
    receive(MongoStore("notifications", database), theirs)

    with pytest.raises((PyMongoError, OvertakenError)) as fault:
        receive(store, ours, theirs)

    assert store.is_passing_fault(fault.value)
    assert receive(store, ours, theirs) == {ours}


def test_a_message_that_is_forgotten_can_be_received_again(store: MongoStore) -> None:
    kept, again = uuid4(), uuid4()
    with store.transaction() as transaction:
        transaction.receive([kept, again])
        transaction.forget([again])

    assert receive(store, kept, again) == {again}


def test_a_transaction_that_raises_leaves_nothing(store: MongoStore, database: Database[dict[str, Any]]) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction() as transaction:  # noqa: PT012 - the whole is one transaction
        transaction.receive([uuid4()])
        transaction.send([due()])
        transaction.bury(letter())
        raise ZeroDivisionError

    counts = [database[name].count_documents({}) for name in ("inbox", "outbox", "dead_letters")]
    assert counts == [0, 0, 0]


def test_of_two_transactions_with_the_same_message_one_meets_a_passing_fault_and_then_finds_it_done(
    store: MongoStore,
) -> None:
    message = uuid4()
    with store.transaction() as first:
        first.receive([message])
        with pytest.raises((PyMongoError, OvertakenError)) as fault:
            receive(store, message)

    assert store.is_passing_fault(fault.value)
    assert receive(store, message) == set()


def test_a_message_that_another_received_since_this_transaction_began_is_a_passing_fault(store: MongoStore) -> None:
    message = uuid4()
    with pytest.raises((PyMongoError, OvertakenError)) as fault, store.transaction() as late:  # noqa: PT012
        late.unseen([message])
        assert receive(store, message) == {message}
        late.receive([message])

    assert store.is_passing_fault(fault.value)


def receive_at_last(store: MongoStore, ids: list[UUID]) -> set[UUID]:
    """Receive, repeating after passing faults as the runtime does."""
    for _ in range(200):
        try:
            return receive(store, *ids)
        except (PyMongoError, OvertakenError) as fault:
            if not store.is_passing_fault(fault):
                raise
    raise AssertionError("200 times overtaken")


def test_many_threads_that_repeat_after_passing_faults_receive_each_message_once(store: MongoStore) -> None:
    messages, together = [uuid4() for _ in range(40)], Barrier(4, timeout=30)

    def receive_all(_: int) -> list[UUID]:
        together.wait()
        parts = [messages[start : start + 8] for start in range(0, 40, 8)]
        return [identity for part in parts for identity in receive_at_last(store, part)]

    with ThreadPoolExecutor(4) as threads:
        received = [identity for part in threads.map(receive_all, range(4)) for identity in part]

    assert sorted(received) == sorted(messages)


def test_a_parcel_comes_out_as_it_was_put_in(store: MongoStore) -> None:
    parcel = due(b'{"a":1}', b'{"b":2}')
    send(store, parcel)

    (claimed,) = store.claim_due(10)

    assert (claimed.id, claimed.destination, claimed.attempt) == (parcel.id, HERE, 2)
    assert b",".join(claimed.messages) == b'{"a":1},{"b":2}'


def test_parcels_are_not_due_before_their_time_nor_while_their_writer_may_still_relay_them(store: MongoStore) -> None:
    send(store, Parcel(uuid4(), HERE, (b"{}",), after_seconds=60), Parcel(uuid4(), HERE, (b"{}",)))

    assert store.claim_due(10) == []


def test_a_parcel_that_is_there_already_is_left_as_it_is(store: MongoStore) -> None:
    parcel = due()
    send(store, parcel)
    send(store, Parcel(parcel.id, HERE, (b"{}",), after_seconds=60))

    assert [claimed.messages for claimed in store.claim_due(10)] == [parcel.messages]


def test_what_is_claimed_is_not_claimed_again_and_what_is_sent_is_gone(
    store: MongoStore, database: Database[dict[str, Any]]
) -> None:
    parcels = [due() for _ in range(3)]
    send(store, *parcels)

    claimed = store.claim_due(2) + store.claim_due(2)
    assert {parcel.id for parcel in claimed} == {parcel.id for parcel in parcels}
    assert store.claim_due(2) == []
    store.delete_sent([parcel.id for parcel in claimed])
    assert database["outbox"].count_documents({}) == 0


class Rival(CommandListener):
    """Sweeps just before the update command of another sweeper reaches the server."""

    def __init__(self, store: MongoStore) -> None:
        self._store = store
        self.claimed: list[Parcel] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name == "update":
            self.claimed += self._store.claim_due(10)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Nothing to do after a command."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Nothing to do after a command."""


def test_sweepers_never_claim_the_same_parcel(store: MongoStore) -> None:
    parcels, together = [due() for _ in range(400)], Barrier(4, timeout=30)
    send(store, *parcels)

    def sweep(_: int) -> list[UUID]:
        together.wait()
        return [parcel.id for _ in range(20) for parcel in store.claim_due(50)]

    with ThreadPoolExecutor(4) as threads:
        claimed = [identity for part in threads.map(sweep, range(4)) for identity in part]

    assert sorted(claimed) == sorted(parcel.id for parcel in parcels)


def test_a_sweeper_that_comes_late_leaves_what_another_claimed_since_it_looked(
    store: MongoStore, database: Database[dict[str, Any]]
) -> None:
    send(store, due(), due())
    rival = Rival(store)
    client: MongoClient[dict[str, Any]] = MongoClient(
        os.environ["NOTIFICATIONS_DATABASE_URL"], uuidRepresentation="standard", tz_aware=True, event_listeners=[rival]
    )

    late = MongoStore("notifications", client[database.name]).claim_due(10)

    client.close()
    assert len(rival.claimed) == 2
    assert late == []


def test_the_inbox_forgets_only_what_is_old_enough(store: MongoStore, database: Database[dict[str, Any]]) -> None:
    old, new = uuid4(), uuid4()
    receive(store, old, new)
    database["inbox"].update_one({"_id": old}, {"$set": {"received_at": datetime(1997, 1, 1, tzinfo=UTC)}})

    assert store.prune_inbox(3600) == 1
    assert receive(store, old, new) == {old}


def test_a_message_that_dies_again_is_dead_again(store: MongoStore, database: Database[dict[str, Any]]) -> None:
    first = letter()
    with store.transaction() as transaction:
        transaction.bury(first)
    database["dead_letters"].update_one({"_id": first.id}, {"$set": {"status": "RETRIED"}})
    with store.transaction() as transaction:
        transaction.bury(letter(id=first.id, attempts=11, payload={}))

    (buried,) = database["dead_letters"].find()
    assert (buried["status"], buried["attempts"], buried["payload"]) == ("DEAD", 11, {"body": {"name": "x"}})


@pytest.mark.parametrize("payload", [{"n": 2**70}, {"a\0b": 1}])
def test_a_letter_that_bson_cannot_hold_is_kept_as_text(
    store: MongoStore, database: Database[dict[str, Any]], payload: dict[str, Any]
) -> None:
    with store.transaction() as transaction:
        transaction.bury(letter(payload=payload, correlation_id=None))

    (buried,) = database["dead_letters"].find()
    assert isinstance(buried["payload"], str)


def test_a_database_that_is_away_is_a_passing_fault() -> None:
    nowhere: MongoClient[dict[str, Any]] = MongoClient("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=100)
    store = MongoStore("notifications", nowhere["notifications"])

    with pytest.raises(PyMongoError) as fault:
        receive(store, uuid4())
    assert store.is_passing_fault(fault.value)
    store.close()


def test_what_the_collection_refuses_is_no_passing_fault(store: MongoStore) -> None:
    with pytest.raises(PyMongoError) as refused:
        send(store, Parcel(uuid4(), Destination("", ""), (b"{}",)))

    assert not store.is_passing_fault(refused.value)
    assert not store.is_passing_fault(ValueError())
