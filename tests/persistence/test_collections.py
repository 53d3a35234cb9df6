"""The collections of the notifications database: made once, repeatable, and refusing what does not fit.

Tests work in a transaction that is aborted, or in a database of their own: nothing in the database is dropped.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from bson import Binary
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, WriteError

from persistence.collections import collection_differences, ensure_collections
from persistence.databases import notifications_database
from persistence.migrations.drift import differences

NOW = datetime(1997, 1, 12, 23, 30, tzinfo=UTC)

DOCUMENTS: dict[str, dict[str, Any]] = {
    "templates": {
        "name": "order_confirmation",
        "channel": "email",
        "subject": "Order {{order.number}} confirmed",
        "body": "<html>...</html>",
        "variables": ["order", "customer"],
        "active": True,
        "version": 1,
        "created_at": NOW,
    },
    "notifications": {
        "key": "event:recipient:email",
        "recipient": {"type": "email", "address": "customer@example.com", "customer_id": "c-1"},
        "context": {"order": {"number": "1"}},
        "status": "SENDING",
        "attempts": 1,
        "created_at": NOW,
        "metadata": {"order_id": "o-1", "event_type": "order_created"},
    },
    "preferences": {
        "customer_id": "c-1",
        "channels": {"email": {"enabled": True, "address": "customer@example.com", "verified": True}},
        "subscriptions": {"order_updates": True},
        "timezone": "America/New_York",
        "language": "en",
        "updated_at": NOW,
    },
    "inbox": {"received_at": NOW},
    "outbox": {
        "queue": "coordination",
        "actor": "advance",
        "payload": Binary(b"\x00"),
        "message_count": 1,
        "attempt": 0,
        "created_at": NOW,
        "available_at": NOW,
    },
    "dead_letters": {
        "payload": {},
        "attempts": 3,
        "error": "ValueError",
        "traceback": "...",
        "status": "DEAD",
        "died_at": NOW,
    },
}


def document(collection: str, **changes: Any) -> dict[str, Any]:
    """A document that fits its collection, unlike any other in it."""
    own = {"templates": "name", "notifications": "key", "preferences": "customer_id"}.get(collection)
    unique = {own: uuid4().hex} if own else {"_id": uuid4()}
    return DOCUMENTS[collection] | unique | changes


@pytest.fixture
def database() -> Iterator[Database[dict[str, Any]]]:
    database = notifications_database()
    ensure_collections(database)
    yield database
    database.client.close()


@pytest.fixture
def scratch(database: Database[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    """A database of the test's own, dropped at its end."""
    name = f"{database.name}_test_{uuid4().hex[:12]}"
    yield database.client.get_database(name)
    database.client.drop_database(name)


@pytest.fixture
def session(database: Database[dict[str, Any]]) -> Iterator[ClientSession]:
    """A transaction that is aborted at the end."""
    with database.client.start_session() as session:
        session.start_transaction()
        yield session
        if session.in_transaction:
            session.abort_transaction()


def test_collections_are_as_declared_however_often_they_are_ensured(database: Database[dict[str, Any]]) -> None:
    ensure_collections(database)

    assert collection_differences(database) == []
    assert differences("notifications") == []


def test_collections_are_made_from_nothing_by_several_processes_at_once(scratch: Database[dict[str, Any]]) -> None:
    with ThreadPoolExecutor(4) as threads:
        for made in [threads.submit(ensure_collections, scratch) for _ in range(4)]:
            made.result()

    assert collection_differences(scratch) == []


def test_a_validator_or_an_index_that_was_changed_by_hand_is_noticed_and_the_validator_set_again(
    scratch: Database[dict[str, Any]],
) -> None:
    ensure_collections(scratch)
    scratch.command("collMod", "templates", validator={})
    scratch["notifications"].drop_index("idx_key")
    scratch["outbox"].create_index("queue", name="idx_queue")

    assert collection_differences(scratch) == [
        "another validator in the database: collection templates",
        "only in the models: index notifications.idx_key on {'key': 1} unique",
        "only in the database: index outbox.idx_queue on {'queue': 1}",
    ]
    ensure_collections(scratch)
    assert collection_differences(scratch) == ["only in the database: index outbox.idx_queue on {'queue': 1}"]


@pytest.mark.parametrize("collection", DOCUMENTS)
def test_a_document_as_the_architecture_describes_it_is_accepted(
    database: Database[dict[str, Any]], session: ClientSession, collection: str
) -> None:
    written = database[collection].insert_one(document(collection), session=session).inserted_id

    assert database[collection].find_one({"_id": written}, session=session) is not None


@pytest.mark.parametrize(
    ("collection", "changes"),
    [
        ("templates", {"version": 0}),
        ("templates", {"body": ""}),
        ("templates", {"active": "yes"}),
        ("notifications", {"recipient": {"type": "email"}}),
        ("notifications", {"attempts": -1}),
        ("notifications", {"sent_at": "yesterday"}),
        ("preferences", {"subscriptions": {"promotions": "maybe"}}),
        ("preferences", {"channels": {"email": {"address": "customer@example.com"}}}),
        ("inbox", {"_id": "text"}),
        ("outbox", {"message_count": 0}),
        ("outbox", {"payload": "text"}),
        ("dead_letters", {"status": "GONE"}),
    ],
)
def test_a_document_that_does_not_fit_is_refused(
    database: Database[dict[str, Any]], session: ClientSession, collection: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(WriteError, match="failed validation"):
        database[collection].insert_one(document(collection, **changes), session=session)


@pytest.mark.parametrize("collection", ["templates", "notifications", "preferences"])
def test_a_second_document_of_the_same_key_is_refused(
    database: Database[dict[str, Any]], session: ClientSession, collection: str
) -> None:
    first = document(collection)
    database[collection].insert_one(dict(first), session=session)

    with pytest.raises(DuplicateKeyError):
        database[collection].insert_one(dict(first), session=session)


def test_a_uuid_and_a_time_come_back_as_they_went_in(
    database: Database[dict[str, Any]], session: ClientSession
) -> None:
    entry = document("inbox")
    database["inbox"].insert_one(entry, session=session)

    assert database["inbox"].find_one({"_id": entry["_id"]}, session=session) == entry
