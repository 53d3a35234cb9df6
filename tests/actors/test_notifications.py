"""The notifications' actors on a real MongoDB and a real mail server that can be told to refuse or to hang up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from pymongo.database import Database

from actors.gateways.smtp_connection import SmtpServer
from actors.gateways.smtp_mail import SmtpMail
from actors.notifications import NOTIFICATIONS
from actors.runtime.back_off import BackOff
from actors.runtime.exactly_once import ExactlyOnce
from actors.runtime.handlers import AskingHandler, Handler
from contexts.messages import Message, Stamped, first_cause
from contexts.notifications.mail import MailRequest, Outcome
from contexts.notifications.messages import PutPreferences, PutTemplate
from contexts.notifications.model import Notifications
from contexts.orders.messages import OrderClosed, OrderCompleted, OrderRejected, OrderReturned, ReturnRefused
from contexts.views import View
from persistence.collections import ensure_collections
from persistence.databases import notifications_database
from persistence.mongo_store import MongoStore
from persistence.notifications import NotificationCollections
from persistence.parcels import Parcel

from .gateways.mail_servers import MailServer, free_port, serving

Documents = Database[dict[str, Any]]


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with serving(MailServer()) as server:
        yield server


@pytest.fixture
def smtp(mail_server: MailServer) -> SmtpMail:
    return SmtpMail(SmtpServer("127.0.0.1", mail_server.port), timeout_seconds=5)


@pytest.fixture
def database() -> Iterator[Documents]:
    """A database of the test's own, dropped at its end."""
    given = notifications_database()
    own = given.client.get_database(f"{given.name}_test_{uuid4().hex[:12]}")
    ensure_collections(own)
    yield own
    given.client.drop_database(own.name)
    given.client.close()


def _left(committed: Sequence[Parcel] | Sequence[View]) -> None:
    """Relay nothing: parcels stay in the outbox."""


@dataclass
class Worker:
    """The runtime, without the broker: messages are handed in, and parcels stay in the outbox."""

    store: MongoStore
    smtp: SmtpMail

    def process(self, *messages: Stamped, attempts: int = 10) -> None:
        handler = NOTIFICATIONS.handlers[type(messages[0].body)]
        assert isinstance(handler, Handler | AskingHandler)
        if isinstance(handler, AskingHandler):
            handler = replace(handler, port=lambda: self.smtp.perform)
        back_off = BackOff(attempts=attempts, first_seconds=0)
        runtime = ExactlyOnce(self.store, _left, self._bind, refresh=_left, back_off=back_off, stopping=Event())
        runtime.process(handler, messages)

    def process_what_was_put_aside(self) -> None:
        for parcel in self.store.claim_due(100):
            self.process(*(Stamped.from_dict(orjson.loads(text)) for text in parcel.messages))

    @staticmethod
    def _bind(repository: type[Any], transaction: Any) -> NotificationCollections:
        assert repository is Notifications
        return NotificationCollections(transaction.connection)


@pytest.fixture
def worker(database: Documents, smtp: SmtpMail) -> Worker:
    return Worker(MongoStore("notifications", database), smtp)


def closed(kind: type[OrderClosed] = OrderCompleted, **changes: Any) -> Stamped:
    """What an order's end tells, as it comes from the queue."""
    fields: dict[str, Any] = {
        "order_id": uuid4(),
        "order_number": "FV-7",
        "customer_id": uuid4(),
        "email": "jane@home.example",
        "total_minor": 1234,
        "currency": "USD",
        "lines": (),
        "reason": "pay_refused",
    }
    body = kind.model_validate(fields | changes)
    return stamped(body, body.order_id)


def stamped(body: Message, correlation_id: UUID) -> Stamped:
    return first_cause(uuid4(), body, correlation_id)


def statuses(database: Documents) -> list[str]:
    return sorted(notification["status"] for notification in database["notifications"].find())


def test_both_ends_of_an_order_are_told(worker: Worker, mail_server: MailServer, database: Documents) -> None:
    worker.process(closed(order_number="FV-1"))
    worker.process(closed(OrderRejected, order_number="FV-2"))

    subjects = [mail["Subject"] for mail in mail_server.taken]
    assert subjects == ["Order FV-1 Confirmed", "Order FV-2 could not be fulfilled"]
    assert statuses(database) == ["SENT", "SENT"]
    assert database["outbox"].count_documents({}) == 0


def test_a_cancelled_order_a_return_and_its_refusal_are_each_told_once(
    worker: Worker, mail_server: MailServer, database: Documents
) -> None:
    events = [
        closed(OrderRejected, order_number="FV-1", reason="cancelled"),
        closed(OrderReturned, order_number="FV-2", reason="cancelled"),
        closed(ReturnRefused, order_number="FV-3", reason="recall_refused"),
    ]

    for event in events:
        worker.process(event)
        worker.process(event._replace(id=uuid4()))

    assert [mail["Subject"] for mail in mail_server.taken] == [
        "Order FV-1 is cancelled",
        "Order FV-2 is cancelled, and your money is given back",
        "Order FV-3 can no longer be cancelled",
    ]
    (text,) = (
        part.get_content() for part in mail_server.taken[1].iter_parts() if part.get_content_subtype() == "plain"
    )
    assert "12.34 USD are given back to your card" in text
    told = database["notifications"].distinct("metadata.event_type")
    assert told == ["order_rejected", "order_returned", "return_refused"]
    assert statuses(database) == ["SENT"] * 3


def test_a_message_that_comes_twice_makes_one_mail(worker: Worker, mail_server: MailServer) -> None:
    event = closed()

    worker.process(event, event)
    worker.process(event)
    worker.process(event._replace(id=uuid4()))

    assert len(mail_server.taken) == 1


def test_a_mail_that_is_refused_for_now_is_sent_later(
    worker: Worker, mail_server: MailServer, database: Documents
) -> None:
    mail_server.recipients["full@home.example"] = "452 later"
    worker.process(closed(email="full@home.example"), closed())
    assert statuses(database) == ["SENDING", "SENT"]
    assert database["outbox"].distinct("last_error") == ["452 later"]

    mail_server.recipients.clear()
    worker.process_what_was_put_aside()

    assert [mail["To"] for mail in mail_server.taken] == ["jane@home.example", "full@home.example"]
    assert statuses(database) == ["SENT", "SENT"]


def test_a_mail_whose_answer_was_lost_is_repeated_under_the_same_message_id(
    worker: Worker, mail_server: MailServer, database: Documents
) -> None:
    mail_server.answers["jane@home.example"] = "hang up"
    worker.process(closed())
    mail_server.answers.clear()
    worker.process_what_was_put_aside()

    first, second = mail_server.taken
    assert first["Message-ID"] == second["Message-ID"]
    assert database["notifications"].distinct("attempts") == [2]
    assert statuses(database) == ["SENT"]


def test_a_bounce_is_kept_and_not_tried_again(worker: Worker, mail_server: MailServer, database: Documents) -> None:
    mail_server.recipients["gone@home.example"] = "550 no such mailbox"

    worker.process(closed(email="gone@home.example"))

    assert statuses(database) == ["FAILED"]
    assert database["notifications"].distinct("last_error") == ["550 no such mailbox"]
    assert database["outbox"].count_documents({}) == 0


def test_the_attempt_is_on_record_before_the_mail_leaves(worker: Worker, database: Documents) -> None:
    seen: list[list[str]] = []

    class Watched(SmtpMail):
        def perform(self, requests: Sequence[MailRequest]) -> Sequence[Outcome]:
            seen.append(statuses(database))
            return super().perform(requests)

    worker.smtp = Watched(SmtpServer("127.0.0.1", free_port()))
    worker.process(closed())

    assert seen == [["SENDING"]]


def test_who_wants_no_mail_about_orders_gets_none(worker: Worker, mail_server: MailServer, database: Documents) -> None:
    event = closed()
    command = PutPreferences(
        customer_id=event.body.customer_id,  # type: ignore[attr-defined]
        channels={},
        subscriptions={"order_updates": False},
    )
    worker.process(stamped(command, command.customer_id))

    worker.process(event)

    assert mail_server.taken == []
    assert statuses(database) == ["SUPPRESSED"]


def test_a_template_that_lacks_a_variable_ends_in_the_dead_letters_and_harms_no_other_mail(
    worker: Worker, mail_server: MailServer, database: Documents
) -> None:
    command = PutTemplate(
        template_id=uuid4(),
        name="order_rejected",
        channel="email",
        version=1,
        subject="{{ order.coupon }}",
        body="<p></p>",
        variables=("order",),
    )
    worker.process(stamped(command, command.template_id))

    worker.process(closed(OrderRejected), attempts=1)
    worker.process(closed())

    (dead,) = database["dead_letters"].find()
    assert dead["message_type"] == "orders.OrderRejected.v1"
    assert "has no attribute 'coupon'" in dead["error"]
    assert [mail["Subject"] for mail in mail_server.taken] == ["Order FV-7 Confirmed"]
