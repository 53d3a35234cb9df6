"""A connection that a benchmark's client keeps: one request at a time, and a new connection when the server ends it."""

import asyncio
import math
import time
from typing import cast

from benchmarking.http_answer import Answer, UnreadableError, whole_answer


class Exchange(asyncio.Protocol):
    """One TCP connection, and the request that waits for its answer on it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[Answer] | None = None
        self._received = b""

    @property
    def is_open(self) -> bool:
        """Whether it takes another request."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> Answer:
        """Send a request, and return its answer. Raises `OSError` if the connection ends before, `UnreadableError`."""
        if self._transport is None:
            raise ConnectionResetError("the server closed the connection")
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered

    def close(self) -> None:
        """End the connection."""
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the way out."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Wake who asked, once the answer is whole."""
        self._received = self._received + data if self._received else data
        try:
            answer = whole_answer(self._received)
        except UnreadableError as problem:
            self._fail(problem)
            self.close()
            return
        if answer:
            self._received = b""
            if answer.closes:
                self.close()
            self._succeed(answer)

    def connection_lost(self, problem: Exception | None) -> None:
        """Tell who asked that no answer comes."""
        self._transport = None
        self._fail(problem or ConnectionResetError("the server closed the connection"))

    def _succeed(self, answer: Answer) -> None:
        answered, self._answered = self._answered, None
        if answered and not answered.done():
            answered.set_result(answer)

    def _fail(self, problem: Exception) -> None:
        answered, self._answered = self._answered, None
        if answered and not answered.done():
            answered.set_exception(problem)


class KeptConnection:
    """A client's connection, for as long as it has something to ask."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._exchange = Exchange()
        self._asked_at = math.inf

    async def ask(self, request: bytes) -> Answer:
        """Send a request over the connection, or over a new one. Raises `OSError`, `UnreadableError`."""
        if not self._exchange.is_open:
            loop = asyncio.get_running_loop()
            _, self._exchange = await loop.create_connection(Exchange, self._host, self._port)
        self._asked_at = time.monotonic()
        try:
            return await self._exchange.ask(request)
        finally:
            self._asked_at = math.inf

    def close_if_asked_before(self, moment: float) -> None:
        """End the connection if it waits for an answer since before a moment (by the monotonic clock)."""
        if self._asked_at < moment:
            self.close()

    def close(self) -> None:
        """End the connection."""
        self._exchange.close()
