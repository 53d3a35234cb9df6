"""Handing envelopes to RabbitMQ: one connection, pipelined publisher confirms, and no more envelopes than needed.

Whatever waits for the same actor while earlier envelopes are being confirmed leaves together in the next one: at low
load an envelope carries one message and waits for nothing; under load it grows by itself.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel

from contexts.messages import Destination, Envelope

logger = logging.getLogger(__name__)

#: Seconds between attempts to connect again; RabbitMQ needs a few to come back.
RECONNECT_SECONDS = 0.5

#: Envelopes for one actor that may await their confirm at the same time.
UNCONFIRMED_PER_ACTOR = 2

#: Messages in one envelope, at most.
LARGEST_ENVELOPE = 500


class Unconfirmed(ConnectionError):
    """Raised when RabbitMQ did not confirm a publish: it may or may not have the message; publish it again."""


def queue_arguments(queue: str) -> dict[str, str]:
    """Return what every context's queue is declared with, here and by the workers: rejected bytes go to `.XQ`."""
    return {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"{queue}.XQ"}


def keeps_rejected(queue: str) -> bool:
    """Whether a queue has an `.XQ`. Queries have none: RabbitMQ would move there, for ever, all that expire unanswered.

    Without that queue it drops them.
    """
    return not queue.endswith(".queries")


def connection_parameters(url: str, name: str) -> pika.URLParameters:
    """Return parameters whose heartbeat and time-outs let a dead server be noticed within a minute."""
    parameters = pika.URLParameters(url)
    parameters.heartbeat = 30
    parameters.blocked_connection_timeout = 60
    parameters.socket_timeout = 5
    parameters.client_properties = {"connection_name": name}
    return parameters


@dataclass(slots=True)
class _Waiting:
    """What waits for one destination, and how many of its envelopes are on their way."""

    parts: deque[tuple[Sequence[bytes], "asyncio.Future[None]"]] = field(default_factory=deque)
    on_the_way: int = 0


@dataclass(slots=True)
class _OnTheWay:
    """One published envelope that is not confirmed yet."""

    identity: str
    key: tuple[Destination, int | None]
    futures: list["asyncio.Future[None]"]


class Publisher:
    """Publishes envelopes from one asyncio loop; every method belongs to that loop's thread.

    `expires_ms` makes an envelope transient and worthless after so many milliseconds (queries).
    """

    def __init__(self, url: str, queues: Iterable[str], name: str) -> None:
        self._parameters = connection_parameters(url, name)
        self._queues = tuple(queues)
        self._waiting: dict[tuple[Destination, int | None], _Waiting] = {}
        self._on_the_way: dict[int, _OnTheWay] = {}
        self._returned: set[str] = set()
        self._last_tag = 0
        self._channel: Channel | None = None
        self._connection: AsyncioConnection | None = None
        self._closing = False
        self._open = asyncio.Event()
        self._connector: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect, and to connect again whenever the connection is lost."""
        self._connector = asyncio.create_task(self._stay_connected())

    async def wait_until_open(self, timeout: float | None = None) -> None:
        """Wait for a connection with all queues declared; raises `TimeoutError` after `timeout` seconds."""
        await asyncio.wait_for(self._open.wait(), timeout)

    @property
    def is_open(self) -> bool:
        """Whether a publish would leave at once; not so from the moment on that the connection begins to close."""
        return self._channel is not None and bool(self._channel.is_open)

    def publish(
        self, destination: Destination, messages: Sequence[bytes], expires_ms: int | None = None
    ) -> "asyncio.Future[None]":
        """Send messages; the future is done when RabbitMQ has them safely, else it raises `Unconfirmed`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self.is_open:
            future.set_exception(Unconfirmed("no connection to RabbitMQ"))
            return future
        key = (destination, expires_ms)
        self._waiting.setdefault(key, _Waiting()).parts.append((messages, future))
        self._pump(key)
        return future

    async def close(self) -> None:
        """Close the connection; what is not confirmed by then fails with `Unconfirmed`."""
        self._closing = True
        if self._connector:
            self._connector.cancel()
        if self._connection and self._connection.is_open:
            closed = asyncio.get_running_loop().create_future()
            self._connection.add_on_close_callback(lambda *_: _resolve(closed, None))
            self._connection.close()
            await asyncio.wait([closed], timeout=5)
        self._lost("closed")

    def _pump(self, key: tuple[Destination, int | None]) -> None:
        waiting = self._waiting[key]
        # On a channel that is closing nothing leaves: `_lost` is about to fail what waits.
        while waiting.parts and waiting.on_the_way < UNCONFIRMED_PER_ACTOR and self._channel and self.is_open:
            messages: list[bytes] = []
            futures = []
            while waiting.parts and (not messages or len(messages) + len(waiting.parts[0][0]) <= LARGEST_ENVELOPE):
                part, future = waiting.parts.popleft()
                messages.extend(part)
                futures.append(future)
            waiting.on_the_way += 1
            self._send(self._channel, key, tuple(messages), futures)
        if not waiting.parts and not waiting.on_the_way:
            del self._waiting[key]

    def _send(
        self,
        channel: Channel,
        key: tuple[Destination, int | None],
        messages: tuple[bytes, ...],
        futures: list["asyncio.Future[None]"],
    ) -> None:
        destination, expires_ms = key
        identity: UUID = uuid4()
        self._last_tag += 1
        self._on_the_way[self._last_tag] = _OnTheWay(str(identity), key, futures)
        now = datetime.now(UTC)
        channel.basic_publish(
            "",
            destination.queue,
            Envelope(destination, messages).to_wire(identity, now),
            pika.BasicProperties(
                message_id=str(identity),
                timestamp=int(now.timestamp()),
                delivery_mode=1 if expires_ms else 2,
                expiration=str(expires_ms) if expires_ms else None,
                headers={"messages": len(messages)},
            ),
            mandatory=True,
        )

    def _confirmed(self, frame: Any) -> None:
        method = frame.method
        tags = (
            [tag for tag in self._on_the_way if tag <= method.delivery_tag]
            if method.multiple
            else [method.delivery_tag]
        )
        refused = isinstance(method, pika.spec.Basic.Nack)
        touched = set()
        for tag in tags:
            sent = self._on_the_way.pop(tag, None)
            if sent is None:
                continue
            unroutable = sent.identity in self._returned
            self._returned.discard(sent.identity)
            self._waiting[sent.key].on_the_way -= 1
            touched.add(sent.key)
            reason = (
                f"queue {sent.key[0].queue!r} is gone"
                if unroutable
                else "RabbitMQ refused the message"
                if refused
                else ""
            )
            _finish(sent.futures, Unconfirmed(reason) if reason else None)
        for key in touched:
            self._pump(key)

    def _message_returned(
        self, _channel: Channel, _method: Any, properties: pika.BasicProperties, _body: bytes
    ) -> None:
        self._returned.add(str(properties.message_id))
        # The queue was deleted under us: a new connection declares it again. The confirm that follows comes first.
        asyncio.get_running_loop().call_soon(self._close_connection)

    def _close_connection(self) -> None:
        if self._connection and self._connection.is_open:
            self._connection.close()

    async def _stay_connected(self) -> None:
        while not self._closing:
            closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            try:
                await self._connect(closed)
                logger.info("connected to RabbitMQ")
                reason = await closed
            except Exception as error:  # noqa: BLE001 - whatever it is, the next connection may be better
                reason = str(error) or type(error).__name__
            self._lost(reason)
            if not self._closing:
                logger.warning("no connection to RabbitMQ (%s); trying again in %s s", reason, RECONNECT_SECONDS)
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _connect(self, closed: "asyncio.Future[str]") -> None:
        opened: asyncio.Future[AsyncioConnection] = asyncio.get_running_loop().create_future()
        AsyncioConnection(
            self._parameters,
            on_open_callback=lambda connection: _resolve(opened, connection),
            on_open_error_callback=lambda _, error: _fail(opened, error),
            on_close_callback=lambda _, error: _resolve(closed, str(error)),
            custom_ioloop=asyncio.get_running_loop(),
        )
        self._connection = await opened
        channel_open: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
        self._connection.channel(on_open_callback=lambda channel: _resolve(channel_open, channel))
        channel = await _or_closed(channel_open, closed)
        channel.add_on_close_callback(lambda _, error: self._channel_closed(closed, error))
        channel.add_on_return_callback(self._message_returned)
        for queue in self._queues:
            await self._declare(channel, queue, queue_arguments(queue), closed)
            if keeps_rejected(queue):
                await self._declare(channel, f"{queue}.XQ", {}, closed)
        channel.confirm_delivery(self._confirmed)
        self._last_tag = 0
        self._channel = channel
        self._open.set()

    @staticmethod
    async def _declare(channel: Channel, queue: str, arguments: dict[str, str], closed: "asyncio.Future[str]") -> None:
        declared: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        channel.queue_declare(
            queue, durable=True, arguments=arguments, callback=lambda frame: _resolve(declared, frame)
        )
        await _or_closed(declared, closed)

    def _channel_closed(self, closed: "asyncio.Future[str]", error: Exception) -> None:
        self._close_connection()
        _resolve(closed, str(error))

    def _lost(self, reason: str) -> None:
        self._open.clear()
        self._channel = None
        failed = [future for sent in self._on_the_way.values() for future in sent.futures]
        failed += [future for waiting in self._waiting.values() for _, future in waiting.parts]
        self._on_the_way.clear()
        self._waiting.clear()
        self._returned.clear()
        _finish(failed, Unconfirmed(f"the connection to RabbitMQ was lost: {reason}"))


def _finish(futures: Iterable["asyncio.Future[None]"], error: Exception | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


def _resolve(future: "asyncio.Future[Any]", result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[Any]", error: Any) -> None:
    if not future.done():
        future.set_exception(error if isinstance(error, OSError) else ConnectionError(str(error)))


async def _or_closed(wanted: "asyncio.Future[Any]", closed: "asyncio.Future[str]") -> Any:
    await asyncio.wait([wanted, closed], return_when=asyncio.FIRST_COMPLETED)
    if wanted.done():
        return wanted.result()
    raise ConnectionError(closed.result())
