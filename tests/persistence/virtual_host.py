"""A RabbitMQ virtual host of the tests' own, and what its operator sees and can do."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import orjson
import pika
import pytest
import urllib3

from contexts.messages import Stamped, decode_all


def required(name: str) -> str:
    """Return a variable of the environment; without it the test fails with a sentence."""
    return os.environ.get(name) or pytest.fail(f'{name} is not set: run eval "$(scripts/servers env)"')


def eventually(what: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Return the first true value of `what`, asked again and again; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what!r}, last {value!r}"
        time.sleep(0.02)
    return value


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """Queues that nobody else uses; `url` is for clients."""

    name: str
    url: str

    def url_over(self, port: int) -> str:
        """The URL for clients, over a line that begins at a port of 127.0.0.1."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}").geturl()

    @contextmanager
    def channel(self) -> Iterator[Any]:
        """A blocking channel."""
        connection = pika.BlockingConnection(pika.URLParameters(self.url))
        try:
            yield connection.channel()
        finally:
            connection.close()

    def ready(self, queue: str) -> int:
        """Return how many messages wait in a queue, those at a consumer not counted."""
        with self.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).method.message_count)

    def take(self, queue: str) -> list[bytes]:
        """Take everything out of a queue."""
        bodies = []
        with self.channel() as channel:
            while (delivery := channel.basic_get(queue, auto_ack=True))[0]:
                bodies.append(delivery[2])
        return bodies

    def take_messages(self, queue: str) -> list[list[Stamped]]:
        """Take everything out of a queue, decoded: a list for each envelope."""
        envelopes = [list(decode_all(orjson.loads(body)["args"][0])) for body in self.take(queue)]
        assert all(isinstance(message, Stamped) for envelope in envelopes for message in envelope)
        return envelopes  # type: ignore[return-value]

    def queues(self, containing: str) -> dict[str, int]:
        """Return the queues whose name contains a text, and how many messages wait in each."""
        names = [one["name"] for one in _ask("GET", f"/queues/{self.name}?columns=name") if containing in one["name"]]
        return {name: self.ready(name) for name in names}

    def consumed(self, queues: set[str]) -> bool:
        """Tell whether somebody consumes each of these queues."""
        listed = _ask("GET", f"/queues/{self.name}?columns=name")
        if not queues <= {one["name"] for one in listed}:
            return False
        with self.channel() as channel:
            return all(channel.queue_declare(queue, passive=True).method.consumer_count for queue in queues)

    def put(self, queue: str, *bodies: bytes) -> None:
        """Publish bytes as they are."""
        with self.channel() as channel:
            channel.confirm_delivery()
            for body in bodies:
                channel.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2), mandatory=True)

    def delete(self, queue: str) -> None:
        """Delete a queue with what is in it."""
        with self.channel() as channel:
            channel.queue_delete(queue)

    def connections(self, containing: str) -> list[str]:
        """Return the server's names of the connections whose own name contains a text."""
        listed = _ask("GET", f"/vhosts/{quote(self.name)}/connections")
        return [one["name"] for one in listed if containing in one.get("client_properties", {})["connection_name"]]

    def close_connections(self, containing: str) -> None:
        """Have the server close them, as an operator would."""
        for name in eventually(lambda: self.connections(containing)):
            _ask("DELETE", f"/connections/{quote(name, safe='')}")


@contextmanager
def own_virtual_host() -> Iterator[VirtualHost]:
    """A virtual host that goes again at the end."""
    url = required("RABBITMQ_URL")
    name = f"tests_{os.getpid()}_{uuid4().hex[:6]}"
    _ask("PUT", f"/vhosts/{name}")
    user = urlsplit(url).username
    _ask("PUT", f"/permissions/{name}/{user}", {"configure": ".*", "write": ".*", "read": ".*"})
    yield VirtualHost(name, urlsplit(url)._replace(path=f"/{name}").geturl())
    _ask("DELETE", f"/vhosts/{name}")


def _ask(method: str, path: str, content: object = None) -> Any:
    management = urlsplit(required("RABBITMQ_MANAGEMENT_URL"))
    answer = urllib3.request(
        method,
        f"http://{management.hostname}:{management.port}/api{path}",
        body=b"" if content is None else orjson.dumps(content),
        headers={
            **urllib3.make_headers(basic_auth=f"{management.username}:{management.password}"),
            "Content-Type": "application/json",
        },
    )
    # A connection that is listed may be gone by the time it is to be closed.
    assert answer.status in (200, 201, 204) or (method == "DELETE" and answer.status == 404), answer.data
    return orjson.loads(answer.data) if answer.data else None
