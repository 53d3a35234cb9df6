"""One lane to Redis for all requests: what comes while a round trip is under way shares the next one."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import redis.asyncio
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from .problems import Unavailable

logger = logging.getLogger(__name__)

#: Adds commands to a pipeline.
Commands = Callable[[Pipeline], object]

#: Commands are added to a round trip until it holds this many.
LARGEST_ROUND_TRIP = 200

#: Seconds after which Redis counts as away.
DEADLINE = 1.5


class RedisLane:
    """Runs commands of many requests in few round trips, in the order they came. Belongs to one event loop."""

    def __init__(self, client: "redis.asyncio.Redis") -> None:
        self._client = client
        self._waiting: list[tuple[Commands, asyncio.Future[list[Any]]]] = []
        self._task: asyncio.Task[None] | None = None
        self._away = False

    def run(self, commands: Commands) -> "asyncio.Future[list[Any]]":
        """Return a future of the replies to what `commands` adds to the pipeline; it may raise `Unavailable`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Any]] = loop.create_future()
        self._waiting.append((commands, future))
        if self._task is None:
            self._task = loop.create_task(self._drain())
        return future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._round_trip()
        finally:
            self._task = None

    async def _round_trip(self) -> None:
        pipeline = self._client.pipeline(transaction=False)
        aboard: list[tuple[int, int, asyncio.Future[list[Any]]]] = []
        taken = 0
        for commands, future in self._waiting:
            first = len(pipeline)
            if first >= LARGEST_ROUND_TRIP:
                break
            commands(pipeline)
            aboard.append((first, len(pipeline), future))
            taken += 1
        del self._waiting[:taken]
        try:
            async with asyncio.timeout(DEADLINE):
                replies = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError) as error:
            self._tell(away=True, reason=str(error) or repr(error))
            for *_, future in aboard:
                _fail(future, error)
        else:
            self._tell(away=False)
            for first, last, future in aboard:
                _resolve(future, replies[first:last])

    def _tell(self, *, away: bool, reason: str = "") -> None:
        if away and not self._away:
            logger.warning("Redis is away, nothing can be looked up: %s", reason)
        elif self._away and not away:
            logger.info("Redis is back")
        self._away = away


def _resolve(future: "asyncio.Future[list[Any]]", replies: list[Any]) -> None:
    refused = next((reply for reply in replies if isinstance(reply, RedisError)), None)
    if refused is not None:
        _fail(future, refused)
    elif not future.done():
        future.set_result(replies)


def _fail(future: "asyncio.Future[list[Any]]", error: Exception) -> None:
    if not future.done():
        problem = Unavailable("The read models cannot be reached.")
        problem.__cause__ = error
        future.set_exception(problem)
