"""Asking a context for a view: the question goes through RabbitMQ, the answer comes through Redis, or too late."""

import asyncio
import logging
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from pydantic import BaseModel, ValidationError
from redis.exceptions import RedisError

from contexts.messages import Query, first_cause
from contexts.subscriptions import actor_address
from persistence.amqp import Publisher
from persistence.read_models import PREFIX, ReadModelReader

from .problems import NO_ANSWER, Unavailable

logger = logging.getLogger(__name__)

#: Seconds that an answer is waited for; then the question is worthless and RabbitMQ drops it.
DEADLINE = 3.0

#: Seconds between attempts to reach Redis again.
BACK_OFF = 0.5

Body = dict[str, Any]


class NoAnswer(Unavailable):
    """Raised when a context did not answer in time."""


class Shown(BaseModel):
    """What is read of the view in an answer."""

    body: Body


class Answer(BaseModel):
    """An answer to a question of this process; without a view when there is no such thing."""

    query_id: UUID
    view: Shown | None


class Queries:
    """The questions of this process that wait for their answers, and the one task that collects these."""

    def __init__(self, publisher: Publisher, reader: ReadModelReader) -> None:
        self._publisher = publisher
        self._reader = reader
        self._reply_to = f"{PREFIX}reply:{uuid4()}"
        self._asked: dict[UUID, asyncio.Future[Body | None]] = {}
        self._collector: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        """Begin to collect answers."""
        self._collector = asyncio.create_task(self._collect())

    async def close(self) -> None:
        """Stop collecting; what is still asked gets no answer.

        The flag is needed beside the cancellation: one was seen to vanish in a time-out of the Redis client.
        """
        self._closing = True
        if self._collector:
            self._collector.cancel()
            await asyncio.wait([self._collector])

    def ask(self, query: type[Query], traceparent: str | None = None, **fields: Any) -> "asyncio.Future[Body | None]":
        """Ask the context that the query is named after.

        The future has the body of the view, or None when there is no such thing; raises `NoAnswer` after `DEADLINE`
        seconds and `Unavailable` when the question cannot leave. Who needs the answer no more may cancel it.
        """
        loop = asyncio.get_running_loop()
        query_id = uuid4()
        future = self._asked[query_id] = loop.create_future()
        late = NoAnswer(f"The {query.context} context does not answer.", NO_ANSWER)
        timer = loop.call_later(DEADLINE, _fail, future, late)
        future.add_done_callback(partial(self._forget, query_id, timer))
        question = query.model_validate({"reply_to": self._reply_to, "query_id": query_id, **fields})
        stamped = first_cause(query_id, question, query_id, traceparent)
        sent = self._publisher.publish(
            actor_address(query.context, query), [stamped.to_json()], expires_ms=int(DEADLINE * 1000)
        )
        sent.add_done_callback(partial(_sent, future))
        return future

    def _forget(self, query_id: UUID, timer: asyncio.TimerHandle, future: "asyncio.Future[Body | None]") -> None:
        timer.cancel()
        del self._asked[query_id]
        if not future.cancelled():
            future.exception()  # counts as seen: the asker may have gone

    async def _collect(self) -> None:
        away = False
        while not self._closing:
            try:
                answers = await self._reader.next_answers(self._reply_to)
            except (RedisError, OSError) as error:
                if not away:
                    logger.warning("Redis is away, no answers can be collected: %s", error)
                away = True
                await asyncio.sleep(BACK_OFF)
                continue
            if away:
                logger.info("Redis is back, answers are collected again")
            away = False
            for answer in answers:
                self._answered(answer)

    def _answered(self, content: bytes) -> None:
        try:
            answer = Answer.model_validate_json(content)
        except ValidationError as error:
            # Only the kind of error is told: its text repeats what was sent, which may be a customer's.
            logger.warning("An answer cannot be read and is dropped: %s", error.errors()[0]["type"])
            return
        future = self._asked.get(answer.query_id)
        if future is not None and not future.done():
            future.set_result(answer.view.body if answer.view else None)


def _sent(future: "asyncio.Future[Body | None]", sent: "asyncio.Future[None]") -> None:
    error = None if sent.cancelled() else sent.exception()
    if error is not None:
        _fail(future, Unavailable(f"The question cannot be asked: {error}."))


def _fail(future: "asyncio.Future[Body | None]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
