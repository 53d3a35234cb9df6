"""Templates, preferences and notifications come back from MongoDB as they went in, a transaction at a time."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from pymongo.database import Database
from pymongo.errors import PyMongoError

from contexts.messages import Message
from contexts.notifications.mail import Bounced, MailRequest, Outcome, Sent, Unknown, default_templates
from contexts.notifications.messages import PutPreferences, PutTemplate
from contexts.notifications.model import NoTemplateError, Notifications, Status
from contexts.notifications.occasions import notification_key
from contexts.orders.messages import OrderClosed, OrderCompleted, OrderRejected, PricedLine
from persistence.collections import ensure_collections
from persistence.databases import notifications_database
from persistence.mongo_store import MongoStore, OvertakenError
from persistence.notifications import NotificationCollections

Documents = Database[dict[str, Any]]


@pytest.fixture
def database() -> Iterator[Documents]:
    """A database of the test's own, dropped at its end."""
    given = notifications_database()
    own = given.client.get_database(f"{given.name}_test_{uuid4().hex[:12]}")
    ensure_collections(own)
    yield own
    given.client.drop_database(own.name)
    given.client.close()


@pytest.fixture
def store(database: Documents) -> MongoStore:
    return MongoStore("notifications", database)


def an_order(customer_id: UUID | None = None) -> OrderCompleted:
    return OrderCompleted(
        order_id=uuid4(),
        order_number="FV-7",
        customer_id=customer_id or uuid4(),
        email="jane@shop.example",
        total_minor=1234,
        currency="USD",
        lines=(
            PricedLine(
                product_id=uuid4(), sku="CD-1234", name="CD", quantity=1, unit_price_minor=1234, total_minor=1234
            ),
        ),
    )


def words(version: int = 1, **changes: Any) -> PutTemplate:
    fields: dict[str, Any] = {
        "template_id": uuid4(),
        "name": "order_confirmation",
        "channel": "email",
        "version": version,
        "subject": f"Version {version}",
        "body": "<p>{{ order.number }}</p>",
        "variables": ("order",),
    }
    return PutTemplate(**fields | changes)


def within(store: MongoStore, messages: Sequence[Message], work: Callable[[Notifications], Any]) -> Any:
    """Do work in a transaction that has loaded what the messages need."""
    with store.transaction() as transaction:
        notifications = NotificationCollections(transaction.connection)
        notifications.prefetch(messages)
        result = work(notifications)
        notifications.flush()
    return result


def put(store: MongoStore, *commands: PutTemplate) -> None:
    for command in commands:
        within(store, [command], partial(Notifications.put_template, command=command))


def begin(store: MongoStore, event: OrderClosed) -> MailRequest | None:
    request: MailRequest | None = within(store, [event], lambda notifications: notifications.begin(event))
    return request


def conclude(store: MongoStore, event: OrderCompleted, outcome: Outcome) -> None:
    within(store, [event], lambda notifications: notifications.conclude(event, outcome))


def test_an_attempt_is_on_record_before_its_outcome_and_with_it_after(store: MongoStore, database: Documents) -> None:
    event = an_order()
    request = begin(store, event)
    assert request is not None

    sending = database["notifications"].find_one({"key": notification_key(event)})
    conclude(store, event, Sent())
    sent = database["notifications"].find_one({"key": notification_key(event)})

    assert sending is not None
    assert sent is not None
    assert (sending["status"], sending["attempts"], sending["sent_at"]) == ("SENDING", 1, None)
    assert sending["message_id"] == request.message_id
    assert sending["recipient"] == {
        "type": "email",
        "address": "jane@shop.example",
        "customer_id": str(event.customer_id),
    }
    assert sending["metadata"] == {"order_id": str(event.order_id), "event_type": "order_completed"}
    assert sending["context"]["order"]["total"] == "12.34"
    assert (sent["status"], sent["created_at"]) == ("SENT", sending["created_at"])
    assert sent["sent_at"] >= sent["created_at"]


def test_a_later_transaction_goes_on_where_an_earlier_one_ended(store: MongoStore, database: Documents) -> None:
    event = an_order()
    first = begin(store, event)
    conclude(store, event, Unknown("connection lost"))
    second = begin(store, event)

    assert first == second
    assert database["notifications"].distinct("attempts") == [2]
    conclude(store, event, Sent())
    assert begin(store, event) is None


def test_two_copies_in_one_batch_become_one_document(store: MongoStore, database: Documents) -> None:
    event = an_order()

    requests = within(store, [event, event], lambda notifications: [notifications.begin(event) for _ in range(2)])

    assert [request is None for request in requests] == [False, True]
    assert database["notifications"].count_documents({}) == 1


def test_of_two_transactions_that_begin_the_same_mail_one_is_to_be_repeated(
    store: MongoStore, database: Documents
) -> None:
    event = an_order()
    begin(store, an_order())  # puts the default template there, which both would insert otherwise

    def begin_in_two(notifications: Notifications) -> None:
        begin(store, event)
        notifications.begin(event)

    with pytest.raises((PyMongoError, OvertakenError)) as fault:
        within(store, [event], begin_in_two)

    assert store.is_passing_fault(fault.value)
    assert database["notifications"].count_documents({"key": notification_key(event)}) == 1
    assert database["notifications"].distinct("attempts") == [1]


def test_defaults_are_put_into_the_store_with_the_first_mail_that_needs_them(
    store: MongoStore, database: Documents
) -> None:
    begin(store, an_order())
    begin(store, an_order())

    (template,) = database["templates"].find()
    assert (template["name"], template["version"], template["active"]) == ("order_confirmation", 1, True)
    assert database["notifications"].distinct("template_id") == [template["_id"]]


def test_defaults_that_are_put_again_change_nothing(store: MongoStore, database: Documents) -> None:
    put(store, *default_templates())
    before = list(database["templates"].find())
    put(store, *default_templates())

    assert [document["subject"] for document in before] == [template.subject for template in default_templates()]
    assert len(before) == 5
    assert list(database["templates"].find()) == before


def test_a_cancelled_order_and_a_rejected_one_are_told_in_different_words(store: MongoStore) -> None:
    fields = an_order().model_dump()
    subjects = [
        begin(store, OrderRejected.model_validate({**fields, "order_id": uuid4(), "reason": reason}))
        for reason in ("cancelled", "pay_refused")
    ]

    assert [request.subject for request in subjects if request] == [
        "Order FV-7 is cancelled",
        "Order FV-7 could not be fulfilled",
    ]


def test_of_all_versions_only_the_highest_is_in_use_in_whatever_order_they_came(
    store: MongoStore, database: Documents
) -> None:
    put(store, words(1), words(3), words(2))

    request = begin(store, an_order())

    assert request is not None
    assert request.subject == "Version 3"
    assert database["templates"].distinct("version", {"active": True}) == [3]
    assert database["templates"].count_documents({}) == 3


def test_words_that_an_operator_switched_off_stay_off(store: MongoStore, database: Documents) -> None:
    put(store, words())
    database["templates"].update_many({}, {"$set": {"active": False}})

    with pytest.raises(NoTemplateError):
        begin(store, an_order())
    assert database["templates"].count_documents({"active": True}) == 0
    assert database["notifications"].count_documents({}) == 0


def test_preferences_are_kept_and_the_latest_count(store: MongoStore, database: Documents) -> None:
    event = an_order()
    for wanted in (True, False):
        command = PutPreferences(
            customer_id=event.customer_id,
            channels={"email": {"enabled": True, "address": "jane@home.example", "verified": True}},
            subscriptions={"order_updates": wanted},
            timezone="America/New_York",
        )
        within(store, [command], partial(Notifications.put_preferences, command=command))

    assert begin(store, event) is None
    (preferences,) = database["preferences"].find()
    assert (preferences["customer_id"], preferences["timezone"]) == (str(event.customer_id), "America/New_York")
    (notification,) = database["notifications"].find()
    assert notification["status"] == Status.SUPPRESSED
    assert notification["recipient"]["address"] == "jane@home.example"


def test_in_a_batch_each_order_is_told_apart(store: MongoStore, database: Documents) -> None:
    put(store, *default_templates())
    events = [an_order() for _ in range(50)]
    for event in events[:25]:
        begin(store, event)
        conclude(store, event, Sent())

    requests = within(store, events, lambda notifications: [notifications.begin(event) for event in events])

    assert [request is None for request in requests] == [True] * 25 + [False] * 25
    assert database["notifications"].count_documents({"status": "SENDING"}) == 25


def test_each_mail_of_a_batch_keeps_its_own_outcome(store: MongoStore, database: Documents) -> None:
    outcomes: list[Outcome] = [Sent(), Unknown("452 later"), Bounced("550 no such mailbox"), Sent()]
    events = [an_order() for _ in outcomes]
    begin(store, events[3])
    within(store, events, lambda notifications: [notifications.begin(event) for event in events])

    def conclude_all(notifications: Notifications) -> None:
        for event, outcome in zip(events, outcomes, strict=True):
            notifications.conclude(event, outcome)

    within(store, events, conclude_all)

    kept = {found["key"]: found for found in database["notifications"].find()}
    told = [kept[notification_key(event)] for event in events]
    assert [(one["status"], one["attempts"], one["last_error"]) for one in told] == [
        ("SENT", 1, None),
        ("SENDING", 1, "452 later"),
        ("FAILED", 1, "550 no such mailbox"),
        ("SENT", 2, None),
    ]


def test_words_that_are_put_and_used_within_one_transaction_are_kept(store: MongoStore, database: Documents) -> None:
    event, command = an_order(), words(2)
    put(store, words(1))

    def put_and_begin(notifications: Notifications) -> MailRequest | None:
        notifications.put_template(command)
        return notifications.begin(event)

    request = within(store, [command, event], put_and_begin)

    assert request.subject == "Version 2"
    assert database["templates"].distinct("version", {"active": True}) == [2]
