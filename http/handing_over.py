"""Handing messages over to RabbitMQ, while a client waits."""

import asyncio
from collections.abc import Sequence

from contexts.messages import Destination
from persistence.amqp import Publisher, Unconfirmed

from .problems import Unavailable

#: Seconds in which RabbitMQ must have confirmed a message; its client is waiting.
CONFIRM_DEADLINE = 2.0

#: Seconds between attempts to publish while there is no connection.
PAUSE = 0.1


async def hand_over(publisher: Publisher, destination: Destination, messages: Sequence[bytes], not_safe: str) -> None:
    """Return when RabbitMQ has the messages safely; raises `Unavailable` that tells `not_safe` if it was not in time.

    A publish without a confirm may have arrived all the same. To repeat it is harmless: the inbox knows the ids.
    """
    deadline = asyncio.get_running_loop().time() + CONFIRM_DEADLINE
    try:
        async with asyncio.timeout_at(deadline):
            while True:
                try:
                    return await publisher.publish(destination, messages)
                except Unconfirmed:
                    await asyncio.sleep(PAUSE)
    except TimeoutError as error:
        raise Unavailable(not_safe) from error
