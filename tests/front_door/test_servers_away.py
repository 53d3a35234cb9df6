"""RabbitMQ or Redis away: nothing is accepted that is not safe, and everything goes on when they are back."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest

Result = TypeVar("Result")


class Wire:
    """A relay before a server, in a thread of its own, that can be cut and mended."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.mend()
        self.url = self._to._replace(netloc=f"{self._to.netloc.rpartition('@')[0]}@127.0.0.1:{self._port}").geturl()

    def mend(self) -> None:
        """Let connections through, always on the same port."""
        self._server = self._run(asyncio.start_server(self._connected, "127.0.0.1", self._port))
        self._port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Break every connection and let none through."""
        self._run(self._cut())

    def end(self) -> None:
        """Cut for good."""
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _cut(self) -> None:
        assert self._server
        self._server.close()
        while self._open:
            self._open.pop().transport.abort()
        await asyncio.sleep(0.05)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._to.hostname, self._to.port)
        self._open |= {writer, back}
        await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
        writer.transport.abort()


@pytest.fixture
def lay_wire() -> Iterator[Callable[[str], Wire]]:
    """Lay a wire before the server of a URL; it is ended after the test."""
    wires = []

    def lay(url: str) -> Wire:
        wires.append(Wire(url))
        return wires[-1]

    yield lay
    for wire in wires:
        wire.end()


@pytest.fixture
def nowhere() -> str:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


def test_with_both_servers_there_the_process_is_ready(door: Any) -> None:
    answer = door.get("/readyz")

    assert (answer.status, answer.content) == (200, {"rabbitmq": True, "redis": True})


def test_without_rabbitmq_the_process_lives_is_not_ready_and_accepts_nothing(
    start_door: Callable[[str], Any], nowhere: str, product: UUID
) -> None:
    door = start_door(f"amqp://{nowhere}/")

    ready, order = door.get("/readyz"), door.post(door.an_order((product, 1)))

    assert door.get("/healthz").status == 200
    assert (ready.status, ready.content) == (503, {"rabbitmq": False, "redis": True})
    assert (order.status, order.content["type"]) == (503, "/problems/unavailable")
    assert "same Idempotency-Key" in order.content["detail"]
    assert order.headers["Retry-After"]


def test_without_rabbitmq_clients_that_come_together_are_told_each_what_was_not_safe(
    start_door: Callable[[str], Any], nowhere: str, views: Any, product: UUID
) -> None:
    door = start_door(f"amqp://{nowhere}/")
    order_id, parts = uuid4(), {"order": {"status": "PLACED"}, "shipment": {}, "journey": {}}
    for part, body in parts.items():
        views.keep(part, order_id, part, body)

    answers = door.ask_all(
        door.posting(door.an_order((product, 1))), ("POST", f"/v1/orders/{order_id}/cancellation", {})
    )

    assert [answer.status for answer in answers] == [503, 503]
    assert [answer.content["detail"].split(" could ")[0] for answer in answers] == ["The order", "The cancellation"]


def test_without_redis_the_process_lives_is_not_ready_and_accepts_nothing(
    start_door: Callable[[str], Any],
    rabbitmq_url: str,
    door: Any,
    product: UUID,
    nowhere: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://{nowhere}/0")
    lost = start_door(rabbitmq_url)
    lost.runner.run(lost.wait_until_open())

    ready, order = lost.get("/readyz"), lost.post(lost.an_order((product, 1)))
    others = [lost.get(f"/v1/{kind}/{product}") for kind in ("products", "orders")]

    assert lost.get("/healthz").status == 200
    assert (ready.status, ready.content) == (503, {"rabbitmq": True, "redis": False})
    assert [answer.status for answer in (order, *others)] == [503, 503, 503]
    assert order.headers["Retry-After"]
    assert door.queued() == []


def test_an_order_that_meets_a_broken_connection_to_rabbitmq_is_published_over_the_next(
    lay_wire: Callable[[str], Wire], start_door: Callable[[str], Any], door: Any, product: UUID
) -> None:
    wire = lay_wire(door.rabbitmq_url)
    shaken = start_door(wire.url)
    shaken.runner.run(shaken.wait_until_open())
    wire.cut()
    wire.mend()

    answer = shaken.post(shaken.an_order((product, 1)))

    assert answer.status == 202
    assert {str(stamped.correlation_id) for _, all_of_it in door.queued() for stamped in all_of_it} == {
        answer.content["order_id"]
    }


def test_an_order_that_meets_a_broken_connection_to_redis_is_looked_up_over_the_next(
    lay_wire: Callable[[str], Wire],
    start_door: Callable[[str], Any],
    door: Any,
    product: UUID,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wire = lay_wire(redis_url)
    monkeypatch.setenv("REDIS_URL", wire.url)
    shaken = start_door(door.rabbitmq_url)
    shaken.runner.run(shaken.wait_until_open())
    assert shaken.post(shaken.an_order((product, 1)), key="before").status == 202
    wire.cut()
    wire.mend()

    assert shaken.post(shaken.an_order((product, 1)), key="after").status == 202


def test_answers_are_collected_again_when_redis_is_back(
    lay_wire: Callable[[str], Wire],
    start_door: Callable[[str], Any],
    door: Any,
    owner: Any,
    views: Any,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    product = uuid4()
    owner("catalog", views.catalog(product))
    wire = lay_wire(redis_url)
    monkeypatch.setenv("REDIS_URL", wire.url)
    shaken = start_door(door.rabbitmq_url)
    shaken.runner.run(shaken.wait_until_open())
    assert shaken.post(shaken.an_order((product, 1)), key="before").status == 202

    wire.cut()
    shaken.runner.run(asyncio.sleep(3))
    assert shaken.get("/readyz").content == {"rabbitmq": True, "redis": False}
    wire.mend()
    shaken.runner.run(asyncio.sleep(1))

    assert shaken.post(shaken.an_order((product, 1)), key="after").status == 202
    assert caplog.text.count("no answers can be collected") == 1
