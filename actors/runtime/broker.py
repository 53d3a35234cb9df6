"""The Dramatiq broker: RabbitMQ without the defaults that lose or repeat messages.

What differs from `RabbitmqBroker`, and why:
- a delivery is acknowledged only on the connection that brought it: after a reconnect delivery tags start anew, and a
  stale one would acknowledge another message;
- acknowledgements that pile up leave together, in one write;
- no delay queues: they hold messages in the worker's memory; what has to wait waits in the outbox;
- no retries by Dramatiq: what fails is put aside in the database; what cannot even be decoded goes to `.XQ`, for ever.
"""

import os
from collections import deque
from threading import Lock
from typing import Any

import dramatiq
import orjson
import pika
from dramatiq.brokers.rabbitmq import RabbitmqBroker, _RabbitmqConsumer, _RabbitmqMessage
from dramatiq.common import xq_name
from dramatiq.encoder import Encoder, MessageData
from dramatiq.errors import ConnectionClosed, DecodeError
from dramatiq.message import Message
from dramatiq.middleware import Middleware

from actors.runtime.crash_points import CrashPoint, reached
from actors.runtime.exactly_once import Stopping
from persistence.amqp import connection_parameters, keeps_rejected, queue_arguments


class JsonEncoder(Encoder):
    """Dramatiq messages as JSON, by orjson."""

    def encode(self, data: MessageData) -> bytes:
        return orjson.dumps(data)

    def decode(self, data: bytes) -> MessageData:
        decoded: MessageData = orjson.loads(data)
        return decoded


class KeepUnfinished(Middleware):
    """A message whose actor raised is never acknowledged: it is handed back when stopping, else parked in `.XQ`."""

    def after_process_message(
        self, broker: dramatiq.Broker, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        if isinstance(exception, Stopping):
            message.handed_back = True
        elif exception is not None:
            message.fail()


class Broker(RabbitmqBroker):
    """RabbitMQ as the runtime needs it. Declares the same queues, with the same arguments, as `persistence.amqp`."""

    def __init__(self, url: str) -> None:
        super().__init__(url=url, confirm_delivery=True, middleware=[KeepUnfinished()])
        self.parameters = connection_parameters(url, "first-viscount worker")

    @property
    def consumer_class(self) -> type[_RabbitmqConsumer]:
        return Consumer

    def declare_queue(self, queue_name: str, *, ensure: bool = False) -> None:
        """Declare a queue, without a delay queue."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.queues_pending.add(queue_name)
            self.emit_after("declare_queue", queue_name)
        if ensure:
            self._ensure_queue(queue_name)  # type: ignore[no-untyped-call]

    def _build_queue_arguments(self, queue_name: str) -> dict[str, str]:
        return queue_arguments(queue_name)

    def _declare_dq_queue(self, queue_name: str) -> None:
        """Nothing: see the module's docstring."""

    def _declare_xq_queue(self, queue_name: str) -> None:
        if keeps_rejected(queue_name):
            self.channel.queue_declare(queue=xq_name(queue_name), durable=True)


class Delivery(_RabbitmqMessage):
    """A message and the consumer whose connection brought it."""

    def __init__(self, redelivered: bool, tag: int, message: Message[Any], consumer: "Consumer") -> None:
        super().__init__(redelivered, tag, message)  # type: ignore[no-untyped-call]
        self.tag = tag
        self.consumer = consumer
        self.handed_back = False

    def __str__(self) -> str:
        """Return what may stand in a log: a message's content is a customer's."""
        return f"{self.actor_name} {self.message_id}"


class Consumer(_RabbitmqConsumer):
    """Consumes one queue over a connection of its own."""

    def __init__(self, broker: Broker, queue_name: str, prefetch: int, timeout: int) -> None:
        self._done: deque[Delivery] = deque()
        self._lock = Lock()
        self._scheduled = False
        super().__init__(broker, queue_name, prefetch, timeout)  # type: ignore[no-untyped-call]

    def __next__(self) -> Delivery | None:
        try:
            method, _properties, body = next(self.iterator)
        except (AssertionError, pika.exceptions.AMQPConnectionError, pika.exceptions.AMQPChannelError) as error:
            if getattr(error, "reply_code", None) == 404:
                self.broker.queues_pending.add(self.queue_name)
            raise ConnectionClosed(error) from None
        if method is None:
            return None
        try:
            message = self._decode(body)
        except DecodeError as error:
            self.logger.error(  # noqa: TRY400 - the bytes are at fault, not this code: a traceback says nothing
                "bytes on %s are no message and were rejected: %s", self.queue_name, error
            )
            self.channel.basic_nack(method.delivery_tag, requeue=False)
            return None
        self.known_tags.add(method.delivery_tag)
        return Delivery(method.redelivered, method.delivery_tag, message, self)

    def ack(self, message: Delivery) -> None:  # type: ignore[override]
        """Note that a message is done; it is acknowledged together with the others that are."""
        if message.consumer is not self or message.handed_back:
            return
        reached(CrashPoint.BEFORE_ACKNOWLEDGEMENT, message.actor_name)
        with self._lock:
            self._done.append(message)
            if self._scheduled:
                return
            self._scheduled = True
        self._on_own_thread(self._acknowledge_done)

    def nack(self, message: Delivery) -> None:  # type: ignore[override]
        """Move a message to `.XQ`."""
        if message.consumer is self:
            self._on_own_thread(lambda: self._reject(message.tag))

    def _on_own_thread(self, work: Any) -> None:
        try:
            self.connection.add_callback_threadsafe(work)
        except pika.exceptions.ConnectionWrongStateError:
            self.logger.info("the connection of %s is gone: its unacknowledged messages come again", self.queue_name)

    def _acknowledge_done(self) -> None:
        with self._lock:
            self._scheduled = False
            deliveries = list(self._done)
            self._done.clear()
        done = sorted(delivery.tag for delivery in deliveries)
        if not self.channel.is_open or not done:
            return
        self.known_tags.difference_update(done)
        # Everything below the oldest tag still at work is done: one acknowledgement says so.
        oldest = min(self.known_tags, default=done[-1] + 1)
        together = [tag for tag in done if tag < oldest]
        if together:
            self.channel.basic_ack(together[-1], multiple=True)
        for tag in done[len(together) :]:
            self.channel.basic_ack(tag)
        for delivery in deliveries:
            reached(CrashPoint.AFTER_ACKNOWLEDGEMENT, delivery.actor_name)

    def _reject(self, tag: int) -> None:
        self.known_tags.discard(tag)
        if self.channel.is_open:
            self.channel.basic_nack(tag, requeue=False)

    def _decode(self, body: bytes) -> Message[Any]:
        message: Message[Any] = Message.decode(body)
        # What is none of these would make Dramatiq's consumer fail, which begins again with the same message for ever.
        addressed = message.queue_name == self.queue_name and isinstance(message.actor_name, str)
        if not addressed or not isinstance(message.options, dict) or "eta" in message.options:
            raise DecodeError(f"not an envelope for {self.queue_name}", body, ValueError("wrong address or options"))
        return message


def broker_from_environment() -> Broker:
    """Return a broker for RABBITMQ_URL (or for RabbitMQ's own default); connects when first used."""
    return Broker(os.environ.get("RABBITMQ_URL") or "amqp://guest:guest@127.0.0.1:5672/%2F")


BROKER = broker_from_environment()
dramatiq.set_broker(BROKER)
dramatiq.set_encoder(JsonEncoder())
