"""What the handlers of one process share: the way to RabbitMQ, to the read models, and to answers."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from contexts.subscriptions import QUEUES as COMMAND_QUEUES
from persistence.amqp import Publisher
from persistence.read_models import ReadModelReader, redis_url

from .command_lane import CommandLane
from .queries import Queries
from .redis_lane import RedisLane

#: The contexts that answer queries.
ASKED = ("catalog", "inventory", "orders", "delivery", "coordination")

#: Declared by whoever comes first, the front door or a worker.
QUEUES = (*COMMAND_QUEUES, *(f"{context}.queries" for context in ASKED))

#: Seconds in which Redis must let a connection in.
CONNECT_DEADLINE = 2.0

#: After a restart of Redis the reader's connection fails once, at its next use, and is opened again.
AT_ONCE = Retry(NoBackoff(), 1)


@dataclass(frozen=True, slots=True)
class Connections:
    """Open as long as the application runs; each connects again by itself."""

    publisher: Publisher
    commands: CommandLane
    redis: RedisLane
    queries: Queries


CONNECTIONS = web.AppKey("connections", Connections)


def connections(url: str) -> Callable[[web.Application], AsyncIterator[None]]:
    """Return what opens the connections when the application starts, servers up or not, and closes them at its end."""

    async def opened(app: web.Application) -> AsyncIterator[None]:
        reader = ReadModelReader()
        reader.redis.set_retry(AT_ONCE)
        publisher = Publisher(url, QUEUES, "front_door")
        queries = Queries(publisher, reader)
        await publisher.start()
        queries.start()
        lane = RedisLane(_connection_to_redis())
        app[CONNECTIONS] = Connections(publisher, CommandLane(publisher), lane, queries)
        yield
        await queries.close()
        await publisher.close()
        await lane.close()
        await reader.close()

    return opened


def _connection_to_redis() -> AbstractConnection:
    """Return one that is not open yet. How long an answer may take is not its business but the lane's."""
    pool = ConnectionPool.from_url(redis_url(), socket_timeout=None, socket_connect_timeout=CONNECT_DEADLINE)
    return pool.connection_class(**pool.connection_kwargs)
