"""Asking a server, by its URL, whether it answers: each probe raises NotAnsweringError with the reason if not."""

import logging
import smtplib
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from local_servers.errors import NotAnsweringError

SECONDS = 3


def probe(url: str) -> None:
    """Talk to the server at this URL in its own protocol; raises NotAnsweringError."""
    scheme = urlsplit(url).scheme
    ask = PROBES.get(scheme.partition("+")[0]) or PROBES.get(scheme.rpartition("+")[2])
    if ask is None:
        raise NotAnsweringError(f"there is no server for the scheme {scheme!r}")
    ask(url)


def amqp(url: str) -> None:
    """Log in to RabbitMQ, into the URL's virtual host."""
    import pika

    logging.getLogger("pika").setLevel(logging.CRITICAL)  # a refused connection is no news here
    parameters = pika.URLParameters(url)
    parameters.socket_timeout = parameters.stack_timeout = parameters.blocked_connection_timeout = SECONDS
    try:
        pika.BlockingConnection(parameters).close()
    except (pika.exceptions.AMQPError, OSError) as problem:
        raise NotAnsweringError(repr(problem)) from None


def redis(url: str) -> None:
    """PING Redis."""
    from redis import Redis, RedisError

    try:
        with Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS) as client:
            client.ping()
    except (RedisError, OSError) as problem:
        raise NotAnsweringError(str(problem)) from None


def postgresql(url: str) -> None:
    """Run a query on PostgreSQL."""
    import psycopg

    try:
        with psycopg.connect(_without_driver(url), connect_timeout=SECONDS) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as problem:
        raise NotAnsweringError(str(problem).strip()) from None


def mongodb(url: str) -> None:
    """Ask MongoDB for a member that takes writes."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    try:
        client: MongoClient[dict[str, Any]]
        with MongoClient(url, serverSelectionTimeoutMS=SECONDS * 1000) as client:
            answer = client.admin.command("hello")
    except PyMongoError as problem:
        raise NotAnsweringError(str(problem)) from None
    if not answer.get("isWritablePrimary"):
        raise NotAnsweringError("it takes no writes: it is not the primary of a replica set")


def smtp(url: str) -> None:
    """Greet a mail server."""
    parts = urlsplit(url)
    try:
        with smtplib.SMTP(parts.hostname or "", parts.port or 25, timeout=SECONDS) as client:
            client.noop()
    except (smtplib.SMTPException, OSError) as problem:
        raise NotAnsweringError(str(problem)) from None


def http(url: str) -> None:
    """Send a GET request; any answer below 500 will do, since a gateway of one's own may have nothing at its root."""
    parts = urlsplit(url)
    target = urlunsplit((parts.scheme.rpartition("+")[2], parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
    request = urllib.request.Request(target)
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        request.add_header("Authorization", f"Basic {b64encode(pair.encode()).decode()}")
    try:
        urllib.request.urlopen(request, timeout=SECONDS).close()
    except urllib.error.HTTPError as answer:
        if answer.code >= 500:
            raise NotAnsweringError(f"it answers {answer.code}") from None
    except OSError as problem:
        raise NotAnsweringError(str(problem)) from None


def _without_driver(url: str) -> str:
    """`postgresql+psycopg://...`, as SQLAlchemy writes it, is not a libpq URL."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}://{rest}"


PROBES: dict[str, Callable[[str], None]] = {
    "amqp": amqp,
    "amqps": amqp,
    "redis": redis,
    "rediss": redis,
    "postgresql": postgresql,
    "postgres": postgresql,
    "mongodb": mongodb,
    "smtp": smtp,
    "http": http,
    "https": http,
}
