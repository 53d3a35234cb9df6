"""RabbitMQ as an operator reaches it: the management interface for looking, a channel for `.XQ`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import orjson
import pika
import urllib3
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPConnectionError, AMQPError

from operations.errors import ServerAway
from persistence.amqp import connection_parameters

URL = "RABBITMQ_URL"
MANAGEMENT = "RABBITMQ_MANAGEMENT_URL"

_TIMEOUT = urllib3.Timeout(connect=3, read=20)


def queues() -> list[dict[str, Any]]:
    """What the management interface tells of every queue of our virtual host; raises `ServerAway`.

    These figures may be ten seconds old: queues renew theirs every five, and every five they are collected.
    """
    answer: list[dict[str, Any]] = _asked(f"queues/{quote(virtual_host(), safe='')}")
    return answer


def peek(queue: str, most: int) -> list[dict[str, Any]]:
    """Return the first envelopes that are ready in a queue, without their content; raises `ServerAway`.

    Each has its `properties` and, as `message_count`, how many were ready behind it. They go back to their places,
    marked as redelivered. A queue that does not exist has none.
    """
    wanted = {"count": most, "ackmode": "ack_requeue_true", "encoding": "auto", "truncate": 1}
    path = f"queues/{quote(virtual_host(), safe='')}/{quote(queue, safe='')}/get"
    answer: list[dict[str, Any]] = _asked(path, wanted, missing=[])
    return answer


def virtual_host() -> str:
    """The virtual host that RABBITMQ_URL names; raises `ServerAway`."""
    path = urlsplit(_required(URL)).path
    return unquote(path[1:]) if len(path) > 1 else "/"


@contextmanager
def channel() -> Iterator[BlockingChannel]:
    """A channel with publisher confirms, closed in the end: what was not acknowledged goes back to its place.

    Raises `ServerAway`; what a closed channel means (no such queue) is the caller's.
    """
    url = _required(URL)
    try:
        parameters = connection_parameters(url, "first-viscount ops")
        parameters.connection_attempts = 1
        connection = pika.BlockingConnection(parameters)
    except (AMQPError, OSError, ValueError) as problem:
        raise ServerAway(_sentence(URL, url, problem)) from problem
    try:
        opened = connection.channel()
        opened.confirm_delivery()
        yield opened
    except AMQPConnectionError as problem:
        raise ServerAway(_sentence(URL, url, problem)) from problem
    finally:
        if connection.is_open:
            connection.close()


def _asked(path: str, content: object = None, missing: object = None) -> Any:
    """GET, or POST some content; return the answer, or what stands for something that is not there."""
    url = urlsplit(_required(MANAGEMENT))
    credentials = f"{unquote(url.username or '')}:{unquote(url.password or '')}"
    address = f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path.rstrip('/')}/api/{path}"
    method, body = ("GET", None) if content is None else ("POST", orjson.dumps(content))
    headers = {**urllib3.make_headers(basic_auth=credentials), "Content-Type": "application/json"}
    try:
        answer = urllib3.request(method, address, body=body, headers=headers, timeout=_TIMEOUT, retries=False)
    except urllib3.exceptions.HTTPError as problem:
        raise ServerAway(_sentence(MANAGEMENT, url.geturl(), problem)) from problem
    if answer.status == 404 and missing is not None:
        return missing
    if answer.status != 200:
        raise ServerAway(_sentence(MANAGEMENT, url.geturl(), f"HTTP {answer.status} {answer.reason or ''}".strip()))
    return orjson.loads(answer.data)


def _required(variable: str) -> str:
    url = os.environ.get(variable, "").strip()
    if not url:
        raise ServerAway(f'{variable} is not set: run eval "$(scripts/servers env)", which prints it, or set it.')
    return url


def _sentence(variable: str, url: str, problem: object) -> str:
    host = urlsplit(url).netloc.rpartition("@")[2]
    reason = str(problem).strip() or type(problem).__name__
    return f"RabbitMQ at {host} (from {variable}) cannot be used: {reason}"
