"""What the handlers of one process share: the way to RabbitMQ, to the read models, and to answers."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from contexts.subscriptions import QUEUES as COMMAND_QUEUES
from persistence.amqp import Publisher
from persistence.read_models import ReadModelReader

from .queries import Queries
from .redis_lane import RedisLane

#: The contexts that answer queries.
ASKED = ("catalog", "inventory", "orders", "delivery", "coordination")

#: Declared by whoever comes first, the front door or a worker.
QUEUES = (*COMMAND_QUEUES, *(f"{context}.queries" for context in ASKED))

#: Connections to Redis that may lie idle: after a restart each fails once, at its next use, and is opened again.
IDLE_CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class Connections:
    """Open as long as the application runs; each connects again by itself."""

    publisher: Publisher
    redis: RedisLane
    queries: Queries


CONNECTIONS = web.AppKey("connections", Connections)


def connections(url: str) -> Callable[[web.Application], AsyncIterator[None]]:
    """Return what opens the connections when the application starts, servers up or not, and closes them at its end."""

    async def opened(app: web.Application) -> AsyncIterator[None]:
        reader = ReadModelReader()
        reader.redis.set_retry(Retry(NoBackoff(), IDLE_CONNECTIONS))
        publisher = Publisher(url, QUEUES, "front_door")
        queries = Queries(publisher, reader)
        await publisher.start()
        queries.start()
        app[CONNECTIONS] = Connections(publisher, RedisLane(reader.redis), queries)
        yield
        await queries.close()
        await publisher.close()
        await reader.close()

    return opened
