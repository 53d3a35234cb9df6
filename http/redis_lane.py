"""One lane to Redis for all requests: what comes while a round trip is under way shares the next one."""

import asyncio
import logging
from typing import Any, NamedTuple

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import RedisError, ResponseError

from .problems import Unavailable

logger = logging.getLogger(__name__)

#: A command's name and its arguments: text, bytes, whole numbers.
Command = tuple[Any, ...]

#: Commands are added to a round trip until it holds this many.
LARGEST_ROUND_TRIP = 200

#: Seconds after which Redis counts as away.
DEADLINE = 1.5


class _Waiting(NamedTuple):
    """The commands of one request as they are sent, and the future of their replies."""

    packed: bytes
    commands: int
    replies: "asyncio.Future[list[Any]]"


class RedisLane:
    """Runs commands of many requests in few round trips, in the order they came. Belongs to one event loop.

    It writes to a connection of its own: a pipeline of the client takes some six times the processor time a command.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self._away = False

    def run(self, *commands: Command) -> "asyncio.Future[list[Any]]":
        """Return a future of the replies to commands, which may be run twice; it may raise `Unavailable`."""
        loop = asyncio.get_running_loop()
        replies: asyncio.Future[list[Any]] = loop.create_future()
        self._waiting.append(_Waiting(b"".join(map(pack_command, commands)), len(commands), replies))
        if self._task is None:
            self._task = loop.create_task(self._drain())
        return replies

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.disconnect()

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._round_trip(self._aboard())
        finally:
            self._task = None

    def _aboard(self) -> list[_Waiting]:
        taken = commands = 0
        while taken < len(self._waiting) and commands < LARGEST_ROUND_TRIP:
            commands += self._waiting[taken].commands
            taken += 1
        aboard = self._waiting[:taken]
        del self._waiting[:taken]
        return aboard

    async def _round_trip(self, aboard: list[_Waiting]) -> None:
        packed, count = b"".join([one.packed for one in aboard]), sum([one.commands for one in aboard])
        try:
            async with asyncio.timeout(DEADLINE):
                replies = await self._replies(packed, count)
        except (RedisError, OSError, TimeoutError) as error:
            # A reply that comes yet must not be taken for the next command's.
            await self._connection.disconnect(nowait=True)
            self._tell(away=True, reason=str(error) or repr(error))
            for one in aboard:
                _fail(one.replies, error)
        else:
            self._tell(away=False)
            first = 0
            for one in aboard:
                _resolve(one.replies, replies[first : first + one.commands])
                first += one.commands

    async def _replies(self, packed: bytes, count: int) -> list[Any]:
        try:
            return await self._exchange(packed, count)
        except NoConnection:  # that of before a restart, say, fails at its next use and is opened again
            return await self._exchange(packed, count)

    async def _exchange(self, packed: bytes, count: int) -> list[Any]:
        await self._connection.send_packed_command(packed, check_health=False)
        return [await self._reply() for _ in range(count)]

    async def _reply(self) -> Any:
        try:
            return await self._connection.read_response()
        except ResponseError as refused:
            return refused

    def _tell(self, *, away: bool, reason: str = "") -> None:
        if away and not self._away:
            logger.warning("Redis is away, nothing can be looked up: %s", reason)
        elif self._away and not away:
            logger.info("Redis is back")
        self._away = away


def _resolve(future: "asyncio.Future[list[Any]]", replies: list[Any]) -> None:
    for reply in replies:
        if isinstance(reply, RedisError):
            _fail(future, reply)
            return
    if not future.done():
        future.set_result(replies)


def _fail(future: "asyncio.Future[list[Any]]", error: Exception) -> None:
    if not future.done():
        problem = Unavailable("The read models cannot be reached.")
        problem.__cause__ = error
        future.set_exception(problem)
