"""Views and answers in a real Redis: what is newer stays, what is kept goes in time."""

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import orjson
import pytest
import redis

from contexts.views import A_MOMENT, AN_HOUR, View
from persistence.read_models import (
    ANSWERS_AT_ONCE,
    ReadModelReader,
    ReadModelWriter,
    RedisUrlError,
    model_key,
    redis_url,
)

DATABASE = 11


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator["redis.Redis"]:
    """An empty Redis database, which REDIS_URL names during the test."""
    url = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{DATABASE}").geturl()
    monkeypatch.setenv("REDIS_URL", url)
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield client
        client.flushdb()


@pytest.fixture
def writer(client: "redis.Redis") -> ReadModelWriter:
    return ReadModelWriter()


def a_view(version: int = 1, part: str = "stock", keep: int = AN_HOUR, identity: str = "p1", **body: Any) -> View:
    return View("product", identity, part, version, body or {"version": version}, keep)


def collected(reply_to: str, times: int, timeout: float = 0.05) -> list[list[Any]]:
    """Return what comes of asking so often for answers, parsed."""

    async def collect() -> list[list[bytes]]:
        reader = ReadModelReader()
        try:
            return [await reader.next_answers(reply_to, timeout) for _ in range(times)]
        finally:
            await reader.close()

    return [[orjson.loads(answer) for answer in answers] for answers in asyncio.run(collect())]


def read(*identities: str) -> list[dict[str, Any]]:
    async def ask() -> list[dict[str, Any]]:
        reader = ReadModelReader()
        try:
            return await reader.read([("product", identity) for identity in identities])
        finally:
            await reader.close()

    return asyncio.run(ask())


def seconds_left(client: "redis.Redis", identity: str = "p1") -> int:
    return int(client.ttl(model_key("product", identity)))


def test_parts_of_a_model_come_from_different_contexts_and_are_read_together(writer: ReadModelWriter) -> None:
    writer.store([a_view(available=5), a_view(part="catalog", name='Žluťoučký "kůň"', none=None)])
    writer.store([a_view(identity="p2", available=0)])

    catalog = {"name": 'Žluťoučký "kůň"', "none": None}
    assert read("p1", "nothing", "p2") == [
        {"stock": {"available": 5}, "catalog": catalog},
        {},
        {"stock": {"available": 0}},
    ]


def test_an_older_view_never_replaces_a_newer(writer: ReadModelWriter) -> None:
    writer.store([a_view(10)])
    writer.store([a_view(9)])
    assert read("p1") == [{"stock": {"version": 10}}]

    writer.store([a_view(11), a_view(2)])
    assert read("p1") == [{"stock": {"version": 11}}]


def test_a_version_is_a_number_and_not_a_text(writer: ReadModelWriter) -> None:
    writer.store([a_view(9)])
    writer.store([a_view(10)])

    assert read("p1") == [{"stock": {"version": 10}}]


def test_versions_of_different_parts_have_nothing_to_do_with_each_other(writer: ReadModelWriter) -> None:
    writer.store([a_view(10), a_view(1, part="catalog")])
    writer.store([a_view(2, part="catalog")])

    assert read("p1") == [{"stock": {"version": 10}, "catalog": {"version": 2}}]


def test_of_many_writers_the_newest_view_wins_whatever_the_order(writer: ReadModelWriter) -> None:
    versions = [(n * 37) % 200 for n in range(200)]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda version: writer.store([a_view(version)]), versions))

    assert read("p1") == [{"stock": {"version": 199}}]


def test_what_nobody_reads_is_not_kept_by_a_refresh(writer: ReadModelWriter) -> None:
    writer.store([a_view(5)], only_if_kept=True)
    assert read("p1") == [{}]

    writer.store([a_view(1, part="catalog", identity="p3")])
    writer.store([a_view(5, identity="p3"), a_view(6, identity="p2")], only_if_kept=True)
    assert read("p3", "p2") == [{"catalog": {"version": 1}, "stock": {"version": 5}}, {}]


def test_an_answer_from_before_a_change_does_not_outlive_it(writer: ReadModelWriter) -> None:
    writer.store([a_view(6)], only_if_kept=True)

    writer.store([a_view(5)])
    assert read("p1") == [{}]

    writer.store([a_view(6)])
    assert read("p1") == [{"stock": {"version": 6}}]


def test_a_model_goes_at_its_time_however_often_it_is_written(writer: ReadModelWriter, client: "redis.Redis") -> None:
    writer.store([a_view(1, keep=100)])
    client.expire(model_key("product", "p1"), 40)

    writer.store([a_view(2, keep=AN_HOUR)])
    writer.store([a_view(3, keep=AN_HOUR)], only_if_kept=True)

    assert 0 < seconds_left(client) <= 40


def test_a_part_that_is_soon_out_of_date_takes_the_whole_model_with_it(
    writer: ReadModelWriter, client: "redis.Redis"
) -> None:
    writer.store([a_view(1, part="order", keep=AN_HOUR)])
    assert seconds_left(client) > A_MOMENT

    writer.store([a_view(1, part="journey", keep=A_MOMENT)])

    assert seconds_left(client) <= A_MOMENT


def test_answers_wait_for_who_asked_and_not_for_ever(writer: ReadModelWriter, client: "redis.Redis") -> None:
    mine, other, order_id = f"reply-{uuid4()}", f"reply-{uuid4()}", uuid4()
    view = View("order", str(order_id), "order", 3, {"order_id": order_id, "at": datetime(2026, 1, 1, tzinfo=UTC)})
    first, second = uuid4(), uuid4()
    writer.answer([(mine, first, view), (other, uuid4(), None), (mine, second, None)])

    assert 0 < client.ttl(mine) <= 30

    (answered, unknown), nothing = collected(mine, times=2)
    assert UUID(answered["query_id"]) == first
    assert answered["view"]["body"] == {"order_id": str(order_id), "at": "2026-01-01T00:00:00+00:00"}
    assert (answered["view"]["version"], answered["view"]["part"]) == (3, "order")
    assert unknown == {"query_id": str(second), "view": None}
    assert nothing == []


def test_answers_come_in_their_order_and_only_so_many_at_once(writer: ReadModelWriter) -> None:
    mine, queries = f"reply-{uuid4()}", [uuid4() for _ in range(ANSWERS_AT_ONCE + 1)]
    writer.answer([(mine, query, None) for query in queries])

    answers = collected(mine, times=3)

    assert [[UUID(answer["query_id"]) for answer in together] for together in answers] == [
        queries[:-1],
        queries[-1:],
        [],
    ]


def test_who_waits_is_woken_by_all_answers_of_a_batch(writer: ReadModelWriter, client: "redis.Redis") -> None:
    mine = f"reply-{uuid4()}"
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(collected, mine, times=1, timeout=4)
        while not client.info("clients")["blocked_clients"]:
            assert not waiting.done()
        writer.answer([(mine, uuid4(), None) for _ in range(3)])

        assert [len(together) for together in waiting.result()] == [3]


def test_without_redis_writing_raises_and_without_its_url_nothing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    with pytest.raises(redis.RedisError):
        ReadModelWriter().store([a_view()])
    monkeypatch.setenv("REDIS_URL", " ")
    with pytest.raises(RedisUrlError, match="REDIS_URL is not set"):
        redis_url()
