"""One lane to RabbitMQ for all requests: commands that come in the same moment leave, and are confirmed, together."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from contexts.messages import Destination
from persistence.amqp import LARGEST_ENVELOPE, Publisher, Unconfirmed

from .problems import Unavailable

#: Seconds in which RabbitMQ must have confirmed a command; its client is waiting.
CONFIRM_DEADLINE = 2.0

#: Seconds between attempts to publish while there is no connection.
PAUSE = 0.1


class _Waiting(NamedTuple):
    """A command, the future of its confirm, and what its client is told without one."""

    message: bytes
    confirmed: "asyncio.Future[None]"
    not_safe: str


class CommandLane:
    """Hands commands over to RabbitMQ while their clients wait. Belongs to one event loop.

    The round trip to Redis before it wakes many requests at once. With a publish and a deadline for each, every order
    would cost this process a fifth more, and the first two would leave in an envelope each.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._waiting: dict[Destination, list[_Waiting]] = {}
        self._crossings: set[asyncio.Task[None]] = set()

    def hand_over(self, destination: Destination, message: bytes, not_safe: str) -> "asyncio.Future[None]":
        """Return a future that is done when RabbitMQ has the command safely.

        It raises `Unavailable` that tells `not_safe` if that was not in time. A publish without a confirm may have
        arrived all the same. To repeat it is harmless: the inbox knows the ids.
        """
        loop = asyncio.get_running_loop()
        confirmed: asyncio.Future[None] = loop.create_future()
        waiting = self._waiting.get(destination)
        if waiting is None:
            waiting = self._waiting[destination] = []
            loop.call_soon(self._leave, destination)
        waiting.append(_Waiting(message, confirmed, not_safe))
        return confirmed

    def _leave(self, destination: Destination) -> None:
        waiting = self._waiting.pop(destination)
        for first in range(0, len(waiting), LARGEST_ENVELOPE):
            crossing = asyncio.create_task(self._cross(destination, waiting[first : first + LARGEST_ENVELOPE]))
            self._crossings.add(crossing)
            crossing.add_done_callback(self._crossings.discard)

    async def _cross(self, destination: Destination, aboard: Sequence[_Waiting]) -> None:
        error: Exception | None = None
        try:
            async with asyncio.timeout(CONFIRM_DEADLINE):
                await self._publish(destination, [one.message for one in aboard])
        except Exception as failure:  # noqa: BLE001 - whatever it is, each request must be told
            error = failure
        for one in aboard:
            if error is None:
                _confirm(one)
            else:
                _fail(one, error)

    async def _publish(self, destination: Destination, messages: Sequence[bytes]) -> None:
        while True:
            try:
                return await self._publisher.publish(destination, messages)
            except Unconfirmed:
                await asyncio.sleep(PAUSE)


def _confirm(one: _Waiting) -> None:
    if not one.confirmed.done():  # its client may have gone
        one.confirmed.set_result(None)


def _fail(one: _Waiting, error: Exception) -> None:
    if one.confirmed.done():
        return
    if isinstance(error, TimeoutError):
        problem = Unavailable(one.not_safe)
        problem.__cause__ = error
        one.confirmed.set_exception(problem)
    else:
        one.confirmed.set_exception(error)
