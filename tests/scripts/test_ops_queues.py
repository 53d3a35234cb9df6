"""`scripts/ops queues | xq`: what waits, in RabbitMQ and in the databases; and bytes that are no message."""

import base64
import json
import signal
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import orjson
import pika
import pytest

from contexts.messages import Destination, first_cause
from contexts.orders.messages import CompleteOrder
from operations.peeking import MOST_ENVELOPES
from persistence.parcels import Parcel
from tests.persistence.virtual_host import eventually

from .buried_letters import bury, capture, mail
from .operators_desk import Desk, own_desk

HERE = Destination("orders", "orders.complete_order")


@pytest.fixture(scope="module")
def own() -> Iterator[Desk]:
    with own_desk() as desk:
        with desk.host.channel() as channel:
            for queue in ("orders", "orders.XQ"):
                channel.queue_declare(queue, durable=True)
        yield desk


@pytest.fixture
def desk(own: Desk) -> Desk:
    own.clear()
    for queue in ("orders", "orders.XQ"):
        own.host.take(queue)
    return own


def row(document: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    """Return the row of one queue or context."""
    (found,) = [one for one in document[kind] if one.get("queue", one.get("context")) == name]
    return dict(found)


def test_a_queue_shows_what_waits_in_it(desk: Desk) -> None:
    desk.host.put("orders", b"{}", b"{}")

    def told() -> dict[str, Any]:
        return row(desk.document("queues"), "queues", "orders")

    # RabbitMQ renews its figures every five seconds.
    shown = eventually(lambda: (one := told()).get("ready") == 2 and one, 30)
    assert (shown["unacknowledged"], shown["consumers"], shown["declared"]) == (0, 0, True)
    assert row(desk.document("queues"), "queues", "delivery")["declared"] is False


def put_envelopes(desk: Desk, *counts: int | None, age_seconds: int = 0) -> None:
    """Publish envelopes of so many messages, as their headers say; None: without a header."""
    with desk.host.channel() as channel:
        for count in counts:
            headers = None if count is None else {"messages": count}
            properties = pika.BasicProperties(timestamp=int(time.time()) - age_seconds, headers=headers)
            channel.basic_publish("", "orders", b"{}", properties)
    eventually(lambda: desk.host.ready("orders") == len(counts))


def test_the_messages_behind_the_envelopes_of_a_queue_are_told_when_that_is_asked(desk: Desk) -> None:
    put_envelopes(desk, 1, 100, 7, age_seconds=90)

    shown = row(desk.document("queues", "--messages"), "queues", "orders")

    assert (shown["messages"], shown["messages_is_estimate"]) == (108, False)
    assert 90 <= shown["oldest_seconds"] < 120
    assert desk.host.ready("orders") == 3
    assert "messages" not in row(desk.document("queues"), "queues", "orders")


def test_an_envelope_that_does_not_say_how_many_it_carries_makes_the_number_an_estimate(desk: Desk) -> None:
    put_envelopes(desk, 5, None)

    shown = row(desk.document("queues", "--messages"), "queues", "orders")

    assert (shown["messages"], shown["messages_is_estimate"]) == (6, True)
    assert "about 6" in desk.run("queues", "--messages")[1]


def test_of_a_long_queue_the_first_envelopes_are_counted_and_the_rest_is_estimated(desk: Desk) -> None:
    put_envelopes(desk, *[3] * MOST_ENVELOPES, *[1] * 500)

    shown = row(desk.document("queues", "--messages"), "queues", "orders")

    assert (shown["messages"], shown["messages_is_estimate"]) == (4500, True)


def test_envelopes_that_were_peeked_at_stay_in_their_places(desk: Desk) -> None:
    bodies = [b"%d" % number for number in range(50)]
    desk.host.put("orders", *bodies)

    desk.document("queues", "--messages")

    assert desk.host.take("orders") == bodies


def test_an_empty_queue_has_no_messages_and_one_that_nobody_declared_does_not_say(desk: Desk) -> None:
    document = desk.document("queues", "--messages")

    empty = row(document, "queues", "orders")
    assert (empty["messages"], empty["messages_is_estimate"], empty["oldest_seconds"]) == (0, False, None)
    assert "messages" not in row(document, "queues", "delivery")
    assert "messages" not in row(document, "queues", "orders.XQ")


def test_each_context_shows_its_outbox_inbox_and_dead_letters(desk: Desk) -> None:
    order_id = uuid4()
    message = first_cause(uuid4(), CompleteOrder(order_id=order_id), order_id).to_json()
    parcels = [
        Parcel(uuid4(), HERE, (message, message), after_seconds=0),
        Parcel(uuid4(), HERE, (message,), after_seconds=60, attempt=3, last_error="Timeout()"),
    ]
    with desk.store("orders") as store, store.transaction() as postgres:
        postgres.send(parcels)
        postgres.receive([uuid4(), uuid4()])
    with desk.mongo_store.transaction() as mongo:
        mongo.send(parcels)
        mongo.receive([uuid4(), uuid4()])
    bury(desk, capture(), mail())
    time.sleep(0.01)

    shown = desk.document("queues")

    for context in ("orders", "notifications"):
        one = row(shown, "contexts", context)
        assert (one["outbox_due"], one["outbox_later"], one["outbox_retries"], one["outbox_messages"]) == (1, 1, 1, 3)
        assert (one["inbox"], one["inbox_is_estimate"], one["dead_letters"]) == (2, False, 1)
        assert 0 < one["outbox_oldest_seconds"] < 60
    assert shown["contexts"][0]["context"] == "coordination"
    assert row(shown, "contexts", "catalog")["outbox_oldest_seconds"] is None


def test_what_is_watched_is_shown_again_until_ctrl_c(desk: Desk) -> None:
    watching = desk.start("queues", "--watch", "1")
    assert watching.stdout
    seen = 0
    while seen < 2:
        seen += "every 1 s" in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)

    assert watching.wait(10) == -signal.SIGINT
    assert desk.run("queues", "--watch", "1", "--json")[0] == 2


def test_a_server_that_is_away_is_named_with_its_variable_and_the_rest_is_shown(desk: Desk) -> None:
    code, output, errors = desk.run("queues", "--json", RABBITMQ_MANAGEMENT_URL="http://somebody:secret@127.0.0.1:1")

    assert code == 2
    assert "RabbitMQ at 127.0.0.1:1 (from RABBITMQ_MANAGEMENT_URL) cannot be used" in errors
    assert "secret" not in output + errors
    assert len(json.loads(output)["contexts"]) == 6
    code, _, errors = desk.run("xq", "list", "orders", RABBITMQ_URL="amqp://somebody:secret@127.0.0.1:1/x")
    assert (code, "127.0.0.1:1 (from RABBITMQ_URL)" in errors, "secret" in errors) == (2, True, False)
    _, output, errors = desk.run("xq", "list", "orders", "--json", RABBITMQ_URL="amqp://somebody:secret@127.0.0.1:1/x")
    (sentence,) = json.loads(output)["unavailable"]
    assert sentence in errors


def test_bytes_that_are_no_message_are_listed_and_stay_where_they_are(desk: Desk) -> None:
    desk.host.put("orders.XQ", b"\xff\x00 nonsense", b"jane@shop.example")

    for _ in range(2):
        assert [one["body"] for one in desk.document("xq", "list", "orders")["messages"]] == [None, None]
        messages = desk.document("xq", "list", "orders", "--unmasked")["messages"]
        assert base64.b64decode(messages[0]["body_base64"]) == b"\xff\x00 nonsense"
        assert messages[1]["body"] == "jane@shop.example"
    assert len(desk.document("xq", "list", "orders.XQ", "--limit", "1")["messages"]) == 1
    assert desk.host.take("orders.XQ") == [b"\xff\x00 nonsense", b"jane@shop.example"]


def test_an_envelope_in_xq_is_shown_without_what_is_personal(desk: Desk) -> None:
    person = {"name": "Jane Roe", "street": "1 Long Road", "country": "US"}
    body = {"shipping_address": person, "payment": {"token": "tok_visa"}, "phone": "+15550104477"}
    desk.host.put("orders.XQ", orjson.dumps({"args": [[{"type": "orders.PlaceOrder.v9", "body": body}]]}))

    (message,) = desk.document("xq", "list", "orders")["messages"]

    assert "orders.PlaceOrder.v9" in message["body"]
    assert '"country":"US"' in message["body"]
    for secret in ("Jane", "Long Road", "tok_visa", "010"):
        assert secret not in message["body"]


def test_one_of_them_is_sent_again_and_one_is_thrown_away(desk: Desk) -> None:
    desk.host.put("orders.XQ", b"one", b"two", b"three")
    keys = [one["key"] for one in desk.document("xq", "list", "orders")["messages"]]

    desk.document("xq", "requeue", "orders", "--key", keys[1])
    _, output, _ = desk.run("xq", "discard", "orders", "--key", keys[0])

    assert keys[0] in output
    assert "no JSON" in output
    assert desk.host.take("orders") == [b"two"]
    assert desk.host.take("orders.XQ") == [b"three"]


def test_all_of_them_are_asked_about_first(desk: Desk) -> None:
    desk.host.put("orders.XQ", b"one", b"two")

    assert desk.run("xq", "requeue", "orders")[0] == 2
    assert desk.run("xq", "requeue", "orders", "--all", said="n\n")[0] == 1
    assert desk.host.ready("orders.XQ") == 2
    assert desk.run("xq", "requeue", "orders", "--all", said="y\n")[0] == 0
    assert desk.host.take("orders") == [b"one", b"two"]
    assert desk.host.ready("orders.XQ") == 0


def test_what_rabbitmq_does_not_take_stays(desk: Desk) -> None:
    with desk.host.channel() as channel:
        channel.queue_declare("gone.XQ", durable=True)
    desk.host.put("gone.XQ", b"one")

    code, _, errors = desk.run("xq", "requeue", "gone", "--all", "--yes")

    assert code == 1
    assert "it stays" in errors
    assert desk.host.take("gone.XQ") == [b"one"]
    desk.host.delete("gone.XQ")


def test_a_queue_that_does_not_exist_is_wrong_use(desk: Desk) -> None:
    code, _, errors = desk.run("xq", "list", "nowhere")

    assert (code, "there is no queue nowhere.XQ" in errors) == (2, True)
