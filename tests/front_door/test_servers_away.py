"""RabbitMQ or Redis away: nothing is accepted that is not safe, and everything goes on when they are back."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest


class Wire:
    """A relay before a server, in the front door's own loop, that can be cut and mended."""

    def __init__(self, url: str, runner: asyncio.Runner) -> None:
        self._to = urlsplit(url)
        self._runner = runner
        self._open: set[asyncio.StreamWriter] = set()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port: int = probe.getsockname()[1]
        self.url = self._to._replace(netloc=f"{self._to.netloc.rpartition('@')[0]}@127.0.0.1:{self._port}").geturl()
        self._server: asyncio.Server | None = None

    def mend(self) -> None:
        """Let connections through."""
        self._server = self._runner.run(asyncio.start_server(self._connected, "127.0.0.1", self._port))

    def cut(self) -> None:
        """Break every connection and let none through."""
        assert self._server
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()
        self._runner.run(asyncio.sleep(0.05))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._to.hostname, self._to.port)
        self._open |= {writer, back}
        await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
        except ConnectionError:
            return
        finally:
            writer.transport.abort()


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
    start_door: Callable[[str], Any], door: Any, product: UUID
) -> None:
    wire = Wire(door.rabbitmq_url, door.runner)
    wire.mend()
    shaken = start_door(wire.url)
    shaken.runner = door.runner

    async def both() -> None:
        await shaken.wait_until_open()

    door.runner.run(both())
    wire.cut()
    wire.mend()

    assert shaken.post(shaken.an_order((product, 1))).status == 202
    assert len(door.queued()) == 1
