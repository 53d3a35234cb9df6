"""Read models in Redis: views kept for a while, and the answers to queries. Losing all of it loses no business fact.

A model is a hash `firstviscount:<model>:<identity>` with two fields a part: the JSON and its version. The whole key
goes an hour (or a moment) after it was first written, so that even a lost eviction heals; a part that is soon out of
date takes the whole key with it.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import orjson
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from contexts.views import View

PREFIX = "firstviscount:"

#: Seconds that an unread answer is kept.
ANSWER_SECONDS = 30

#: Answers that are collected together, at most; a guess. Whoever collects them does nothing else meanwhile.
ANSWERS_AT_ONCE = 100

# KEYS: one a view. ARGV: part, version, body, seconds, only_if_kept for each.
_STORE = """
for i, key in ipairs(KEYS) do
    local part, version, body, seconds, only_if_kept = unpack(ARGV, i * 5 - 4, i * 5)
    local kept = redis.call('HGET', key, part .. '.version')
    if not kept or tonumber(kept) <= tonumber(version) then
        if only_if_kept == '0' or redis.call('EXISTS', key) == 1 then
            redis.call('HSET', key, part, body, part .. '.version', version)
        else
            -- Nobody reads it now. But a query that was answered from before this change must not store its answer.
            redis.call('HSET', key, part .. '.version', version)
            seconds = 5
        end
        redis.call('EXPIRE', key, seconds, 'LT')
    end
end
"""


class RedisUrlError(Exception):
    """Raised when REDIS_URL is missing."""


def redis_url() -> str:
    """The URL of the Redis server; raises RedisUrlError."""
    url = os.environ.get("REDIS_URL", "").strip()
    if not url:
        raise RedisUrlError('REDIS_URL is not set: run eval "$(scripts/servers env)", which prints it, or set it')
    return url


def model_key(model: str, identity: str) -> str:
    """`product`, id -> `firstviscount:product:<id>`."""
    return f"{PREFIX}{model}:{identity}"


class ReadModelWriter:
    """The actors' side: stores views and answers queries. Raises `redis.RedisError` when Redis is away."""

    def __init__(self) -> None:
        # After a restart of Redis each pooled connection fails once: that is worth a second try, and no more.
        retry = Retry(NoBackoff(), 2)
        self._redis = redis.Redis.from_url(redis_url(), socket_timeout=2, socket_connect_timeout=2, retry=retry)
        self._store = self._redis.register_script(_STORE)

    def store(self, views: Sequence[View], *, only_if_kept: bool = False) -> None:
        """Store views; with `only_if_kept` those of models that somebody has read lately, and no others."""
        if views:
            flag = "1" if only_if_kept else "0"
            arguments: list[Any] = []
            for view in views:
                arguments += [view.part, view.version, orjson.dumps(view.body), view.keep_seconds, flag]
            self._store(keys=[model_key(view.model, view.identity) for view in views], args=arguments)

    def answer(self, answers: Sequence[tuple[str, UUID, View | None]]) -> None:
        """Put each answer (reply key, query id, view) where the one who asked waits for it."""
        # One push for each who asked: it wakes him, and what is not pushed yet he would have to come for again.
        pushed: defaultdict[str, list[bytes]] = defaultdict(list)
        for reply_to, query_id, view in answers:
            pushed[reply_to].append(orjson.dumps({"query_id": query_id, "view": asdict(view) if view else None}))
        pipeline = self._redis.pipeline(transaction=False)
        for reply_to, contents in pushed.items():
            pipeline.rpush(reply_to, *contents)
            pipeline.expire(reply_to, ANSWER_SECONDS)
        pipeline.execute()


class ReadModelReader:
    """The front door's side: reads views, and collects the answers to its queries. Asynchronous."""

    def __init__(self) -> None:
        self._redis = redis.asyncio.Redis.from_url(redis_url(), socket_timeout=5, socket_connect_timeout=2)

    async def read(self, models: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        """Return the parts kept of each (model, identity), parsed, by name; an empty dict where nothing is kept."""
        pipeline = self._redis.pipeline(transaction=False)
        for model, identity in models:
            pipeline.hgetall(model_key(model, identity))
        return [
            {name.decode(): orjson.loads(value) for name, value in fields.items() if not name.endswith(b".version")}
            for fields in await pipeline.execute()
        ]

    async def next_answers(self, reply_to: str, timeout: float = 1.0) -> list[bytes]:
        """Wait for answers put under `reply_to`, each a JSON of {"query_id", "view"}; nothing after `timeout` seconds.

        Up to `ANSWERS_AT_ONCE` come in one round trip, which takes long where processors are busy, whatever it carries.
        They are off the list then: if the connection is lost on the way, so are they.
        """
        popped: Any = await self._redis.blmpop(timeout, 1, reply_to, direction="LEFT", count=ANSWERS_AT_ONCE)
        return [] if popped is None else popped[1]

    async def ping(self) -> None:
        """Raise `redis.RedisError` unless Redis answers."""
        await self._redis.ping()

    @property
    def redis(self) -> "redis.asyncio.Redis":
        """The connection pool, for what belongs to the front door alone: idempotency keys."""
        return self._redis

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()
