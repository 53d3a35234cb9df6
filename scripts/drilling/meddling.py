"""Messages sent twice, late, or in another order: a consumer that takes them from the workers and publishes them anew.

The original is acknowledged only when RabbitMQ has confirmed what was published in its place, so nothing is lost here.
"""

import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

from persistence.amqp import connection_parameters

#: Envelopes taken at once, and seconds in which they are taken.
MOST, TAKING_SECONDS = 40, 1.5

#: Higher than the workers' priority of 0: RabbitMQ serves them only what this consumer has no room for.
PRIORITY = 10

Taken = tuple[int, pika.BasicProperties, bytes]
Order = Callable[[list[Taken], Random], Iterator[Taken | float]]


def duplicated(taken: list[Taken], dice: Random) -> Iterator[Taken | float]:
    """Each twice: half of the second copies at once, half after all the others and some seconds."""
    late = []
    for one in taken:
        yield one
        if dice.random() < 0.5:
            yield one
        else:
            late.append(one)
    yield dice.uniform(0.2, 2.0)
    yield from late


def delayed(taken: list[Taken], dice: Random) -> Iterator[Taken | float]:
    """Each once, seconds later."""
    yield dice.uniform(1.0, 5.0)
    yield from taken


def reordered(taken: list[Taken], dice: Random) -> Iterator[Taken | float]:
    """Each once, in another order; nothing where there is no other."""
    shuffled = list(taken)
    while len(taken) > 1 and shuffled == taken:
        dice.shuffle(shuffled)
    yield from shuffled if len(taken) > 1 else ()


def meddle(url: str, queue: str, order: Order, dice: Random) -> int:
    """Take what comes to a queue for a moment and publish it again; return how many envelopes those were.

    0 if nothing came, or too little for this order of them: that goes back as it was. Raises pika's connection errors;
    then what was taken is in its queue again.
    """
    connection = pika.BlockingConnection(connection_parameters(url, "first-viscount drill"))
    with connection:
        channel = connection.channel()
        channel.confirm_delivery()
        taken = _take(channel, queue)
        published = _publish(channel, queue, order(taken, dice))
        # What is not acknowledged RabbitMQ hands out again when the connection is closed.
        for tag, _, _ in taken if published else ():
            channel.basic_ack(tag)
        channel.cancel()
    return len(taken) if published else 0


def _publish(channel: BlockingChannel, queue: str, ordered: Iterator[Taken | float]) -> int:
    published = 0
    for one in ordered:
        if isinstance(one, float):
            channel.connection.sleep(one)
        else:
            channel.basic_publish("", queue, one[2], one[1], mandatory=True)
            published += 1
    return published


def _take(channel: BlockingChannel, queue: str) -> list[Taken]:
    channel.basic_qos(prefetch_count=MOST)
    taken: list[Taken] = []
    deadline = time.monotonic() + TAKING_SECONDS
    consumed: Iterator[Any] = channel.consume(queue, inactivity_timeout=0.1, arguments={"x-priority": PRIORITY})
    for method, properties, body in consumed:
        if method is not None:
            taken.append((method.delivery_tag, properties, body))
        if len(taken) == MOST or time.monotonic() > deadline:
            break
    return taken
