"""Faults of servers: ended and started, emptied, their connections closed, or doing the work and not saying so."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from random import Random
from typing import Any

import psycopg
import urllib3
from redis import Redis

import local_servers
from actors.gateways.addresses import server_address
from drilling import outages
from drilling.site import Site, Strike, Struck

#: Seconds that a server stays away before it is started again, at least and at most.
AWAY = (0.0, 2.0)

#: Seconds that a provider is faulty, at least and at most.
FAULTY = (1.5, 4.0)

#: A database session of a worker's, not the superuser's own.
_TERMINATE = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname IS NOT NULL AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def restart(name: str, *how: signal.Signals) -> Strike:
    """Return the fault that ends a server by one of these signals and starts it again."""

    async def strike(_site: Site, dice: Random) -> Struck:
        sent = dice.choice(how)
        began = time.monotonic()
        await asyncio.to_thread(outages.end, name, sent)
        try:
            await asyncio.sleep(dice.uniform(*AWAY))
        finally:
            # To its end even when interrupted: the server is needed for what comes after.
            await asyncio.shield(asyncio.to_thread(outages.begin, name))
        ended = time.monotonic()
        return Struck(ended, f"{name} by {sent.name}", ended - began)

    return strike


async def close_rabbitmq_connections(_site: Site, _dice: Random) -> Struck | None:
    """RabbitMQ closes every connection."""
    await asyncio.to_thread(outages.close_rabbitmq_connections)
    return Struck(time.monotonic(), "every connection")


async def terminate_postgresql_backends(_site: Site, _dice: Random) -> Struck | None:
    """PostgreSQL ends every session, in the middle of whatever it was doing."""

    def terminate() -> int:
        with psycopg.connect(local_servers.postgresql_superuser_url(), autocommit=True) as connection:
            row = connection.execute(_TERMINATE).fetchone()
            return int(row[0]) if row else 0

    ended = await asyncio.to_thread(terminate)
    return Struck(time.monotonic(), f"{ended} sessions") if ended else None


async def flush_redis(_site: Site, _dice: Random) -> Struck | None:
    """Redis forgets everything."""

    def flush() -> None:
        with Redis.from_url(os.environ["REDIS_URL"]) as client:
            client.flushall()

    await asyncio.to_thread(flush)
    return Struck(time.monotonic(), "all keys")


def provider(variable: str, settings: Callable[[Random], dict[str, Any]]) -> Strike:
    """Return the fault that makes a sandbox faulty for some seconds; it happened if a request met it."""

    async def strike(_site: Site, dice: Random) -> Struck | None:
        chosen, seconds = settings(dice) | {"seed": dice.getrandbits(30)}, dice.uniform(*FAULTY)
        await asyncio.to_thread(switch_faults, variable, chosen)
        try:
            await asyncio.sleep(seconds)
        finally:
            met = await asyncio.shield(asyncio.to_thread(end_faults, variable))
        return Struck(time.monotonic(), f"{met} times in {seconds:.1f} s") if met else None

    return strike


def lost_answers(dice: Random) -> dict[str, Any]:
    """The work is done; most answers never come, others after the caller has hung up."""
    return {"drop_after_rate": dice.uniform(0.3, 0.7), "timeout_rate": 0.3, "timeout_seconds": dice.uniform(5.5, 8.0)}


def errors(dice: Random) -> dict[str, Any]:
    """Nothing is done, and the answer is an error, or none."""
    return {"error_rate": dice.uniform(0.5, 1.0), "drop_before_rate": 0.3}


def switch_faults(variable: str, settings: dict[str, Any]) -> None:
    """Put fault settings of a sandbox in force. Raises urllib3's errors."""
    _faults("PUT", variable, json=settings)


def end_faults(variable: str) -> int:
    """End all faults of a sandbox; return how often they struck since they began.

    Raises urllib3's errors, and OSError for a sandbox that does not tell.
    """
    ended = _faults("DELETE", variable)
    if "struck" not in ended:
        raise OSError(f"{variable}: the sandbox does not tell what its faults struck; start it anew from this checkout")
    return sum(ended["struck"].values())


def _faults(method: str, variable: str, **body: Any) -> Any:
    url = server_address(os.environ[variable]).url if "+" in os.environ[variable] else os.environ[variable]
    answer = urllib3.request(method, f"{url}/faults", timeout=30.0, **body)
    if answer.status != 200:
        raise OSError(f"{variable}: {method} /faults was answered {answer.status}: {answer.data[:200]!r}")
    return answer.json()
