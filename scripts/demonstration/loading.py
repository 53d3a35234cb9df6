"""Handing commands to a context in large envelopes, and waiting until each of them is done."""

import asyncio
import os
from collections.abc import Callable, Sequence

from contexts.messages import Stamped
from contexts.subscriptions import actor_address
from demonstration.databases import one_number
from persistence.amqp import Publisher

#: Messages in one envelope.
ENVELOPE = 100

#: Seconds without any progress after which waiting is given up.
PATIENCE = 60.0


class NotLoadedError(Exception):
    """Raised when something does not arrive where it is needed; the text is a sentence."""


async def publish(commands: Sequence[Stamped]) -> None:
    """Hand commands of one type to their context; returns when RabbitMQ has confirmed them all."""
    if not commands:
        return
    destination = actor_address(commands[0].body.context, type(commands[0].body))
    publisher = Publisher(os.environ["RABBITMQ_URL"], (destination.queue,), "first-viscount demo")
    await publisher.start()
    try:
        await publisher.wait_until_open(30)
        encoded = [command.to_json() for command in commands]
        await asyncio.gather(
            *(publisher.publish(destination, encoded[i : i + ENVELOPE]) for i in range(0, len(encoded), ENVELOPE))
        )
    finally:
        await publisher.close()


async def done(commands: Sequence[Stamped]) -> None:
    """Wait until a context has done all these commands: then their ids are in its inbox. Raises `NotLoadedError`."""
    if commands:
        ids = [command.id for command in commands]
        context, name = commands[0].body.context, type(commands[0].body).__name__
        query = "SELECT count(*) FROM inbox WHERE id = ANY(%s)"
        await until(len(ids), lambda: one_number(context, query, ids), f"{name} commands done by {context}")


async def until(wanted: int, count: Callable[[], int], what: str) -> None:
    """Wait until there are as many as wanted; raises `NotLoadedError` when their number has stood still for long."""
    clock = asyncio.get_running_loop().time
    found, moved_at = -1, clock()
    while (now := await asyncio.to_thread(count)) < wanted:
        if now != found:
            found, moved_at = now, clock()
        elif clock() - moved_at > PATIENCE:
            raise NotLoadedError(
                f"{found} of {wanted} {what}, and no more for {PATIENCE:.0f} s; "
                "the workers' log and the dead_letters tables tell why"
            )
        await asyncio.sleep(0.2)
