"""The publisher on a real RabbitMQ: what it says is confirmed is there, and it says so of every message."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import orjson
import pytest

from contexts.messages import Destination
from persistence.amqp import LARGEST_ENVELOPE, Publisher, Unconfirmed

from .line import Line, line_to
from .virtual_host import VirtualHost, eventually


@pytest.fixture
def queue() -> str:
    return f"queue-{uuid4().hex[:8]}"


@pytest.fixture
def line(virtual_host: VirtualHost) -> Iterator[Line]:
    """A line to RabbitMQ that can be cut."""
    url = urlsplit(virtual_host.url)
    with line_to(str(url.hostname), url.port or 5672) as line:
        yield line


@asynccontextmanager
async def opened(url: str, *queues: str) -> AsyncIterator[Publisher]:
    """A publisher with a connection; its name is that of its first queue."""
    publisher = Publisher(url, queues, f"test {queues[0]}")
    await publisher.start()
    try:
        await publisher.wait_until_open(10)
        yield publisher
    finally:
        await publisher.close()


def numbered(*numbers: int) -> list[bytes]:
    return [orjson.dumps({"n": number}) for number in numbers]


def numbers_in(host: VirtualHost, queue: str) -> list[list[int]]:
    """Take what is in the queue: the numbers of each envelope."""
    return [[message["n"] for message in orjson.loads(body)["args"][0]] for body in host.take(queue)]


def test_what_is_confirmed_is_in_the_queue_and_outlives_a_restart(virtual_host: VirtualHost, queue: str) -> None:
    async def publish() -> None:
        async with opened(virtual_host.url, queue) as publisher:
            await asyncio.wait_for(publisher.publish(Destination(queue, "an_actor"), numbered(1, 2)), 5)

    asyncio.run(publish())

    with virtual_host.channel() as channel:
        _, properties, body = channel.basic_get(queue, auto_ack=True)
    envelope = orjson.loads(body)
    assert (envelope["queue_name"], envelope["actor_name"], envelope["args"]) == (
        queue,
        "an_actor",
        [[{"n": 1}, {"n": 2}]],
    )
    assert (properties.delivery_mode, properties.expiration, properties.headers) == (2, None, {"messages": 2})


def test_what_waits_while_others_are_unconfirmed_leaves_together(virtual_host: VirtualHost, queue: str) -> None:
    async def publish() -> None:
        async with opened(virtual_host.url, queue) as publisher:
            destination = Destination(queue, "an_actor")
            await asyncio.gather(*(publisher.publish(destination, numbered(n)) for n in range(50)))
            await publisher.publish(destination, numbered(50))

    asyncio.run(publish())

    assert numbers_in(virtual_host, queue) == [[0], [1], list(range(2, 50)), [50]]


def test_messages_for_different_actors_never_share_an_envelope(virtual_host: VirtualHost, queue: str) -> None:
    async def publish() -> None:
        async with opened(virtual_host.url, queue) as publisher:
            actors = [Destination(queue, f"actor_{n % 2}") for n in range(20)]
            await asyncio.gather(*(publisher.publish(actor, numbered(n)) for n, actor in enumerate(actors)))

    asyncio.run(publish())

    for body in virtual_host.take(queue):
        envelope = orjson.loads(body)
        assert {f"actor_{message['n'] % 2}" for message in envelope["args"][0]} == {envelope["actor_name"]}


def test_an_envelope_never_grows_beyond_its_bound_unless_one_part_alone_does(
    virtual_host: VirtualHost, queue: str
) -> None:
    async def publish() -> None:
        async with opened(virtual_host.url, queue) as publisher:
            destination = Destination(queue, "an_actor")
            parts = [range(n, n + 3) for n in range(0, 1500, 3)] + [range(1500, 1800)]
            await asyncio.gather(*(publisher.publish(destination, numbered(*part)) for part in parts))

    asyncio.run(publish())

    envelopes = numbers_in(virtual_host, queue)
    assert [n for envelope in envelopes for n in envelope] == list(range(1800))
    assert max(map(len, envelopes[:-1])) <= LARGEST_ENVELOPE
    assert len(envelopes) < 15
    assert len(envelopes[-1]) == 300


def test_publishing_without_a_connection_fails_at_once(virtual_host: VirtualHost, queue: str) -> None:
    async def publish() -> None:
        publisher = Publisher(virtual_host.url, [queue], "never started")
        future = publisher.publish(Destination(queue, "an_actor"), numbered(1))
        assert future.done()
        with pytest.raises(Unconfirmed):
            await future
        await publisher.close()

    asyncio.run(publish())


def test_a_queue_that_was_deleted_fails_the_publish_and_is_there_again_soon(
    virtual_host: VirtualHost, queue: str
) -> None:
    async def publish() -> None:
        async with opened(virtual_host.url, queue) as publisher:
            destination = Destination(queue, "an_actor")
            await publisher.publish(destination, numbered(1))
            virtual_host.delete(queue)
            with pytest.raises(Unconfirmed):
                await publisher.publish(destination, numbered(2))
            async with asyncio.timeout(10):
                await confirmed(publisher, destination, numbered(3))

    asyncio.run(publish())

    assert numbers_in(virtual_host, queue) == [[3]]


async def confirmed(publisher: Publisher, destination: Destination, messages: list[bytes]) -> None:
    """Publish until it is confirmed; any other fault than `Unconfirmed` is raised."""
    while True:
        try:
            return await publisher.publish(destination, messages)
        except Unconfirmed:
            await asyncio.sleep(0)


def test_many_publishes_to_a_deleted_queue_all_fail_and_the_others_are_told(
    virtual_host: VirtualHost, queue: str
) -> None:
    other = f"{queue}-other"

    async def publish() -> list[BaseException | None]:
        async with opened(virtual_host.url, queue, other) as publisher:
            virtual_host.delete(queue)
            destinations = [Destination(queue, "an_actor"), Destination(other, "an_actor")]
            async with asyncio.timeout(10):
                outcomes = await asyncio.gather(
                    *(publisher.publish(destinations[n % 2], numbered(n)) for n in range(1000)), return_exceptions=True
                )
                await confirmed(publisher, destinations[0], numbered(1000))
                return outcomes

    outcomes = asyncio.run(publish())

    assert all(isinstance(outcome, Unconfirmed) for outcome in outcomes[::2])
    done = {n for n, outcome in enumerate(outcomes) if outcome is None}
    assert done <= {n for envelope in numbers_in(virtual_host, other) for n in envelope}


def test_when_the_connection_is_closed_in_mid_stream_every_publish_ends_and_what_is_confirmed_is_there(
    virtual_host: VirtualHost, queue: str
) -> None:
    def came_to(future: "asyncio.Future[None]") -> str:
        if not future.done():
            return "nothing yet"
        return "lost on its way" if "was lost" in str(future.exception()) else str(future.exception())

    async def publish() -> list[BaseException | None]:
        async with opened(virtual_host.url, queue) as publisher:
            futures: list[asyncio.Future[None]] = []
            closing = asyncio.create_task(asyncio.to_thread(virtual_host.close_connections, queue))
            async with asyncio.timeout(30):
                while not {"None", "lost on its way"} <= set(map(came_to, futures)):
                    if closing.done():  # and all had been confirmed at that moment
                        closing.result()
                        closing = asyncio.create_task(asyncio.to_thread(virtual_host.close_connections, queue))
                    for actor in range(10):
                        destination = Destination(queue, f"actor_{actor}")
                        futures.append(publisher.publish(destination, numbered(len(futures))))
                    await asyncio.sleep(0.002)
            await closing
            async with asyncio.timeout(10):
                outcomes = await asyncio.gather(*futures, return_exceptions=True)
                await confirmed(publisher, Destination(queue, "an_actor"), numbered(-1))
                return outcomes

    outcomes = asyncio.run(publish())

    done = {n for n, outcome in enumerate(outcomes) if outcome is None}
    assert {type(outcome) for outcome in outcomes} == {type(None), Unconfirmed}
    assert done | {-1} <= {n for envelope in numbers_in(virtual_host, queue) for n in envelope}


def test_a_connection_that_is_cut_is_made_again_when_the_server_is_back(
    line: Line, virtual_host: VirtualHost, queue: str
) -> None:
    async def publish() -> None:
        async with opened(virtual_host.url_over(line.port), queue) as publisher:
            line.cut()
            async with asyncio.timeout(10):
                while publisher.is_open:
                    await asyncio.sleep(0.01)
            assert publisher.publish(Destination(queue, "an_actor"), numbered(1)).exception() is not None
            line.mend()
            async with asyncio.timeout(10):
                await publisher.wait_until_open()
                await publisher.publish(Destination(queue, "an_actor"), numbered(2))

    asyncio.run(publish())

    assert numbers_in(virtual_host, queue) == [[2]]


def test_a_connection_that_is_lost_while_its_queues_are_declared_is_made_again(
    line: Line, virtual_host: VirtualHost, queue: str
) -> None:
    line.lose_answer_to(f"{queue}.XQ".encode())

    async def publish() -> None:
        async with opened(virtual_host.url_over(line.port), queue, f"{queue}-more") as publisher:
            await publisher.publish(Destination(queue, "an_actor"), numbered(1))

    asyncio.run(publish())

    assert line.lost.is_set()
    assert numbers_in(virtual_host, queue) == [[1]]


def test_a_publish_that_is_given_up_by_its_caller_harms_no_other(virtual_host: VirtualHost, queue: str) -> None:
    async def publish() -> None:
        async with opened(virtual_host.url, queue) as publisher:
            futures = [publisher.publish(Destination(queue, "an_actor"), numbered(n)) for n in range(5)]
            futures[0].cancel()
            futures[3].cancel()
            await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 5)
            assert [future.cancelled() for future in futures] == [True, False, False, True, False]

    asyncio.run(publish())

    assert sum(map(len, numbers_in(virtual_host, queue))) == 5


def test_closing_fails_what_is_not_confirmed(virtual_host: VirtualHost, queue: str) -> None:
    async def publish() -> list["asyncio.Future[None]"]:
        async with opened(virtual_host.url, queue) as publisher:
            return [publisher.publish(Destination(queue, "an_actor"), numbered(n)) for n in range(10)]

    futures = asyncio.run(publish())

    assert all(future.done() for future in futures)
    done = {n for n, future in enumerate(futures) if future.exception() is None}
    assert all(isinstance(future.exception(), Unconfirmed) for n, future in enumerate(futures) if n not in done)
    assert done <= {n for envelope in numbers_in(virtual_host, queue) for n in envelope}


def test_a_query_that_nobody_takes_in_time_is_gone_and_fills_no_queue(virtual_host: VirtualHost, queue: str) -> None:
    queries = f"{queue}.queries"

    async def publish() -> None:
        async with opened(virtual_host.url, queue, queries) as publisher:
            await publisher.publish(Destination(queries, "an_actor"), numbered(1), expires_ms=50)
            await publisher.publish(Destination(queries, "an_actor"), numbered(2), expires_ms=60_000)

    asyncio.run(publish())
    virtual_host.put(queue, b"the dead letter queue of commands is there")

    eventually(lambda: virtual_host.ready(queries) == 1)
    with virtual_host.channel() as channel:
        _, properties, body = channel.basic_get(queries, auto_ack=True)
    assert orjson.loads(body)["args"] == [[{"n": 2}]]
    assert (properties.delivery_mode, properties.expiration) == (1, "60000")
    assert virtual_host.queues(containing=queue) == {queue: 1, f"{queue}.XQ": 0, queries: 0}


def test_a_publisher_remembers_nothing_of_what_is_confirmed(virtual_host: VirtualHost, queue: str) -> None:
    async def publish() -> None:
        async with opened(virtual_host.url, queue) as publisher:
            for expires_ms in range(60_000, 60_100):
                await publisher.publish(Destination(queue, "an_actor"), numbered(1), expires_ms)
            assert not publisher._waiting
            assert not publisher._on_the_way
            assert not publisher._returned

    asyncio.run(publish())
