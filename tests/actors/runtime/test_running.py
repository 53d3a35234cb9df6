"""An envelope's way into the runtime: what is malformed harms no other, and queries are answered or dropped."""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import orjson
import pytest
import redis

from actors.runtime.context import Context, Running, Unregistered
from actors.runtime.handlers import AskingHandler, QueryHandler
from contexts.inventory.messages import ReceiveStock, ShowStock
from contexts.messages import Destination, Query, Stamped, first_cause
from contexts.views import View
from persistence.postgres_store import PostgresStore
from tests.persistence.virtual_host import VirtualHost, eventually

from .marks import HERE, Marks, Work, bind, handler, mark, message


@pytest.fixture
def running(work: Work, empty_host: VirtualHost) -> Iterator[Running]:
    """A context at work, without a consumer: the tests bring the envelopes."""
    one = Running(PostgresStore("inventory"), empty_host.url, bind, work.back_off)
    one.start()
    yield one
    one.stop()


def wire(*messages: Stamped) -> list[Any]:
    return [one.to_dict() for one in messages]


def wrong_type(one: Stamped) -> dict[str, Any]:
    return {**one.to_dict(), "type": "inventory.ReserveStock.v1", "body": {"order_id": str(uuid4()), "lines": []}}


MALFORMED: list[Any] = [
    {},
    {"type": "inventory.Nothing.v1"},
    {**message().to_dict(), "id": 5},
    {**message().to_dict(), "occurred_at": "yesterday"},
    {**message().to_dict(), "body": {"quantity": -1}},
    {**message().to_dict(), "type": "a\0b"},
    wrong_type(message()),
    None,
    42,
    "text",
    [[]],
]


@pytest.mark.parametrize("malformed", MALFORMED, ids=lambda one: orjson.dumps(one).decode()[:40])
def test_a_malformed_member_of_an_envelope_becomes_a_dead_letter_and_harms_no_other(
    running: Running, work: Work, malformed: Any
) -> None:
    one, other = message(), message()
    for _ in range(2):
        running.receive(handler(), [*wire(one), malformed, *wire(other)])

    assert work.marked() == sorted([one.id, other.id])
    ((payload, attempts, error),) = work.rows("SELECT payload, attempts, error FROM dead_letters")
    assert payload == malformed or orjson.loads(payload) == malformed
    assert attempts == 0
    assert error


def test_consequences_reach_their_queue(running: Running, work: Work, empty_host: VirtualHost) -> None:
    messages = [message() for _ in range(5)]
    running.receive(handler(), wire(*messages))

    eventually(lambda: work.rows("SELECT 1 FROM outbox") == [])
    told = [one for envelope in empty_host.take_messages("inventory") for one in envelope]
    assert {one.causation_id for one in told} == {one.id for one in messages}


def test_envelopes_of_many_threads_meet_in_few_transactions(running: Running, work: Work) -> None:
    batches: list[int] = []

    def count(command: ReceiveStock, marks: Marks) -> Any:
        if marks.batch[0] is command:
            batches.append(len(marks.batch))
        return mark(command, marks)

    messages, actor = [message() for _ in range(400)], handler(count)
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda one: running.receive(actor, wire(one)), messages))

    assert work.marked() == sorted(one.id for one in messages)
    assert sum(batches) == 400
    assert len(batches) < 200


def test_no_transaction_holds_more_messages_than_its_process_type_allows(work: Work, empty_host: VirtualHost) -> None:
    largest: list[int] = []

    def note(command: ReceiveStock, marks: Marks) -> Any:
        largest.append(len(marks.batch))
        return mark(command, marks)

    messages, actor = [message() for _ in range(25)], handler(note)
    running = Running(PostgresStore("inventory"), empty_host.url, bind, work.back_off, largest_batch=10)
    running.start()
    running.receive(actor, wire(*messages))
    running.stop()

    assert work.marked() == sorted(one.id for one in messages)
    assert sorted(set(largest)) == [5, 10]


def test_batches_that_cannot_grow_are_outside_side_by_side_and_what_can_grow_waits(
    work: Work, empty_host: VirtualHost
) -> None:
    answered = threading.Event()
    asked: list[int] = []

    def perform(requests: Sequence[Any]) -> Sequence[Any]:
        asked.append(len(requests))
        assert answered.wait(10)
        return requests

    def ask(command: ReceiveStock, _marks: Marks) -> Any:
        return command.delivery_id

    def tell(command: ReceiveStock, _outcome: Any, marks: Marks) -> Any:
        return mark(command, marks)

    actor = AskingHandler(HERE, ReceiveStock, Marks, Marks, ask, lambda: perform, tell, at_once=3)
    running = Running(PostgresStore("inventory"), empty_host.url, bind, work.back_off, largest_batch=2)
    running.start()
    messages = [message() for _ in range(5)]
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(running.receive, actor, wire(*messages[:2]))
        eventually(lambda: asked == [2])
        waits = threads.submit(running.receive, actor, wire(messages[2]))
        eventually(lambda: len(running._meeting(actor)._waiting) == 1)
        assert asked == [2]
        fills = threads.submit(running.receive, actor, wire(*messages[3:]))
        eventually(lambda: sorted(asked) == [1, 2, 2])
        answered.set()
        for one in (first, waits, fills):
            one.result(10)
    running.stop()

    assert work.marked() == sorted(one.id for one in messages)


def test_the_halves_of_an_actor_that_asks_may_need_different_repositories(monkeypatch: pytest.MonkeyPatch) -> None:
    class Attempts(Marks):
        pass

    context = Context("inventory", store=PostgresStore, repositories={})

    def ask(command: ReceiveStock, attempts: Attempts) -> Any:
        return command.delivery_id

    def tell(command: ReceiveStock, outcome: Any, marks: Marks) -> Any:
        return mark(command, marks)

    context.asks(lambda: None, at_once=3)(ask)
    # Its Dramatiq actor is in use already: what is registered is looked at, and no second one made.
    registered: list[Any] = []
    monkeypatch.setattr(context, "_register", registered.append)
    context.concludes(ask)(tell)

    (actor,) = registered
    assert (actor.asked_in, actor.repository, actor.at_once) == (Attempts, Marks, 3)


class Answering:
    """A repository that shows a stock of 5, or of nothing, or raises."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def prefetch(self, queries: Any) -> None:
        """Nothing to load."""


def show(query: Query, _: Answering) -> View | None:
    assert isinstance(query, ShowStock)
    if query.product_id.int == 0:
        raise ZeroDivisionError
    return View("product", str(query.product_id), "stock", 1, {"available": 5}) if query.product_id.int > 1 else None


QUERY = QueryHandler(Destination("inventory.queries", "inventory.show_stock"), ShowStock, Answering, show)


def asked(reply_to: str, product_id: Any = None) -> Stamped:
    query = ShowStock(reply_to=reply_to, query_id=uuid4(), product_id=product_id or uuid4())
    return first_cause(query.query_id, query, query.query_id)


def test_queries_are_answered_to_whoever_asked(running: Running) -> None:
    mine, other = f"reply-{uuid4()}", f"reply-{uuid4()}"
    nothing = "00000000-0000-0000-0000-000000000001"
    running.receive(QUERY, wire(asked(mine), asked(other), asked(mine, nothing)))

    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        answers = [orjson.loads(one) for one in client.lrange(mine, 0, -1)]
        assert [one["view"] and one["view"]["body"] for one in answers] == [{"available": 5}, None]
        assert client.llen(other) == 1
        client.delete(mine, other)


def test_a_query_that_cannot_be_answered_is_dropped(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = f"reply-{uuid4()}"
    running.receive(QUERY, wire(asked(mine, "00000000-0000-0000-0000-000000000000")))

    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        assert client.llen(mine) == 0


def test_without_redis_commands_are_done_and_queries_dropped(
    work: Work, empty_host: VirtualHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    running = Running(PostgresStore("inventory"), empty_host.url, bind, work.back_off)
    running.start()
    one = message()
    running.receive(QUERY, wire(asked("nowhere")))
    running.receive(handler(), wire(one))
    running.stop()

    assert work.marked() == [one.id]


def test_a_function_that_cannot_be_an_actor_is_refused_when_it_is_registered() -> None:
    context = Context("inventory", store=PostgresStore, repositories={})

    def takes_no_repository(command: ReceiveStock) -> None: ...

    def is_no_query(command: ReceiveStock, marks: Marks) -> None: ...

    with pytest.raises(Unregistered, match="takes_no_repository must take"):
        context.actor(takes_no_repository)
    with pytest.raises(Unregistered, match="is no query"):
        context.query(is_no_query)
    with pytest.raises(RuntimeError, match="was not started"):
        assert context.running
