"""The front door in this process, on real servers: a RabbitMQ virtual host and a Redis database of these tests' own."""

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid4

import orjson
import pika
import pytest
import redis
import urllib3
from aiohttp.test_utils import TestClient, TestServer
from front_door.app import build_app
from front_door.connections import CONNECTIONS, QUEUES

from contexts.messages import Query, Stamped, decode_all
from contexts.views import View
from persistence.read_models import ReadModelWriter

REDIS_DATABASE = 9
HOST = "127.0.0.1"

#: What the times of prices are given from.
BEGINNING = datetime.now(UTC)

Body = dict[str, Any]


def required(name: str) -> str:
    """Return a variable of the environment; without it the test fails with a sentence."""
    return os.environ.get(name) or pytest.fail(f'{name} is not set: run eval "$(scripts/servers env)"')


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    """A virtual host that goes again after the tests."""
    url, management = required("RABBITMQ_URL"), urlsplit(required("RABBITMQ_MANAGEMENT_URL"))
    name = f"front_door_tests_{os.getpid()}"
    api = f"http://{management.hostname}:{management.port}/api"
    headers = urllib3.make_headers(basic_auth=f"{management.username}:{management.password}")
    allowed = orjson.dumps({"configure": ".*", "write": ".*", "read": ".*"})
    for path, content in ((f"/vhosts/{name}", b""), (f"/permissions/{name}/{urlsplit(url).username}", allowed)):
        answer = urllib3.request(
            "PUT", api + path, body=content, headers={**headers, "Content-Type": "application/json"}
        )
        assert answer.status in (201, 204), answer.data
    yield urlsplit(url)._replace(path=f"/{quote(name)}").geturl()
    urllib3.request("DELETE", f"{api}/vhosts/{name}", headers=headers)


@pytest.fixture
def redis_url(monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty Redis database, which REDIS_URL names during the test."""
    url = urlsplit(required("REDIS_URL"))._replace(path=f"/{REDIS_DATABASE}").geturl()
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    monkeypatch.setenv("REDIS_URL", url)
    return url


@dataclass
class Answer:
    """What the front door answered."""

    status: int
    headers: dict[str, str]
    content: Body

    def pointers(self) -> list[str]:
        """Return which members a problem names."""
        return [fault["pointer"] for fault in self.content.get("errors", [])]


@dataclass
class Door:
    """A running front door and its client; requests of one call run at the same time."""

    runner: asyncio.Runner
    client: "TestClient[Any, Any]"
    rabbitmq_url: str
    customer: str = field(default_factory=lambda: f"jane.{uuid4().hex[:8]}@example.com")

    def ask_all(self, *requests: tuple[str, str, Body]) -> list[Answer]:
        """Send (method, path, options) each; return their answers."""

        async def one(method: str, path: str, options: Body) -> Answer:
            async with self.client.request(method, path, **options) as response:
                body = await response.read()
                return Answer(response.status, dict(response.headers), orjson.loads(body) if body else {})

        async def all_of_them() -> list[Answer]:
            return await asyncio.gather(*(one(*request) for request in requests))

        return self.runner.run(all_of_them())

    def get(self, path: str, **headers: str) -> Answer:
        """GET one address."""
        return self.ask_all(("GET", path, {"headers": headers}))[0]

    def post(self, content: object, key: str | None = "key-1", **headers: str) -> Answer:
        """POST an order: bytes as they are, everything else as JSON."""
        return self.ask_all(self.posting(content, key, **headers))[0]

    def posting(self, content: object, key: str | None = "key-1", **headers: str) -> tuple[str, str, Body]:
        """Return the request that `post` sends, for `ask_all`."""
        all_headers = {"Content-Type": "application/json", **{n.replace("_", "-"): v for n, v in headers.items()}}
        if key is not None:
            all_headers["Idempotency-Key"] = key
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        return "POST", "/v1/orders", {"data": data, "headers": all_headers}

    def an_order(self, *lines: tuple[UUID, int], **changes: Any) -> Body:
        """Return the body of a valid order with these lines."""
        return {
            "customer": {"email": self.customer},
            "currency": "USD",
            "lines": [{"product_id": str(product_id), "quantity": quantity} for product_id, quantity in lines],
            "shipping_address": {
                "name": "Jane Roe",
                "street": "1 Long Road",
                "city": "Springfield",
                "postal_code": "12345",
                "country": "US",
            },
            "payment": {"method": "card", "token": "tok_visa"},
            **changes,
        }

    def queued(self, queue: str = "orders") -> list[tuple[Body, list[Stamped]]]:
        """Take every envelope out of a queue: the Dramatiq message, and what it carries."""
        envelopes = []
        with opened(self.rabbitmq_url) as channel:
            while (delivery := channel.basic_get(queue, auto_ack=True))[0]:
                envelope = orjson.loads(delivery[2])
                decoded = list(decode_all(envelope["args"][0]))
                stamped = [message for message in decoded if isinstance(message, Stamped)]
                assert stamped == decoded
                envelopes.append((envelope, stamped))
        return envelopes

    async def wait_until_open(self) -> None:
        """Return once RabbitMQ can be published to."""
        await self.client.app[CONNECTIONS].publisher.wait_until_open(10)


@contextmanager
def opened(url: str) -> Iterator[Any]:
    """A blocking channel."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        yield connection.channel()
    finally:
        connection.close()


@contextmanager
def running(url: str) -> Iterator[Door]:
    """Start the application on a free port and end it again."""
    with asyncio.Runner() as runner:

        async def start() -> "TestClient[Any, Any]":
            client = TestClient(TestServer(build_app(url)))
            await client.start_server()
            return client

        client = runner.run(start())
        yield Door(runner, client, url)
        runner.run(client.close())


@pytest.fixture
def start_door(redis_url: str) -> Iterator[Callable[[str], Door]]:
    """Start a front door on a RabbitMQ that may be away."""
    doors = []

    def start(url: str) -> Door:
        doors.append(running(url))
        return doors[-1].__enter__()

    yield start
    for door in doors:
        door.__exit__(None, None, None)


@pytest.fixture
def door(start_door: Callable[[str], Door], rabbitmq_url: str) -> Door:
    """A front door with both servers there and every queue empty."""
    running_door = start_door(rabbitmq_url)
    running_door.runner.run(running_door.wait_until_open())
    with opened(rabbitmq_url) as channel:
        for queue in QUEUES:
            channel.queue_purge(queue)
    return running_door


def catalog_price(
    price: str = "12.99",
    currency: str = "USD",
    begins: timedelta = timedelta(days=-1),
    ends: timedelta | None = None,
) -> Body:
    """What the catalog shows of a price; its times are given from the beginning of the tests."""
    return {
        "price": price,
        "currency": currency,
        "price_type": "REGULAR",
        "effective_from": (BEGINNING + begins).isoformat(),
        "effective_to": None if ends is None else (BEGINNING + ends).isoformat(),
    }


def catalog_view(product_id: UUID, status: str = "ACTIVE", prices: Sequence[Body] | None = None) -> View:
    """What the catalog shows of a product: by default one price, which holds."""
    prices = [catalog_price()] if prices is None else prices
    body = {"product_id": str(product_id), "sku": "CD-1", "name": "A CD", "status": status, "prices": prices}
    return View("product", str(product_id), "catalog", 1, body)


class Views:
    """What contexts show, kept in the read models as the contexts would."""

    catalog = staticmethod(catalog_view)
    price = staticmethod(catalog_price)

    def __init__(self) -> None:
        self._version = 1

    def keep(self, model: str, identity: UUID, part: str, body: Body) -> UUID:
        """Keep one part, newer than all before."""
        self._version += 1
        ReadModelWriter().store([View(model, str(identity), part, self._version, body)])
        return identity

    def keep_on_sale(self, product_id: UUID, **changes: Any) -> UUID:
        """Keep the catalog's part of a product."""
        return self.keep("product", product_id, "catalog", catalog_view(product_id, **changes).body)


@pytest.fixture
def views(redis_url: str) -> Views:
    """The read models as the contexts write them."""
    return Views()


@pytest.fixture
def on_sale(views: Views) -> Callable[..., UUID]:
    """Put a new product into the read models."""
    return lambda **changes: views.keep_on_sale(uuid4(), **changes)


@pytest.fixture
def product(on_sale: Callable[..., UUID]) -> UUID:
    """A product on sale in USD."""
    return on_sale()


class Owner:
    """Answers the queries of one context from given views, over the real queue and the real reply lists.

    Before every answer it puts what is given as `noise` on the reply list.
    """

    def __init__(self, url: str, context: str, views: dict[str, View | None], noise: Sequence[bytes]) -> None:
        self.asked: list[Query] = []
        self._views = views
        self._noise = noise
        self._url, self._queue = url, f"{context}.queries"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def end(self) -> None:
        """Stop answering."""
        self._ended.set()
        self._thread.join()

    def _serve(self) -> None:
        writer = ReadModelWriter()
        with opened(self._url) as channel:
            for _, _, wire in channel.consume(self._queue, auto_ack=True, inactivity_timeout=0.02):
                if self._ended.is_set():
                    return
                if wire:
                    self._answer(writer, wire)

    def _answer(self, writer: ReadModelWriter, wire: bytes) -> None:
        for message in decode_all(orjson.loads(wire)["args"][0]):
            assert isinstance(message, Stamped)
            assert isinstance(message.body, Query)
            self.asked.append(message.body)
            fields = message.body.model_dump(mode="json")
            identity = fields.get("product_id") or fields["order_id"]
            if self._noise:
                with redis.Redis.from_url(required("REDIS_URL")) as client:
                    client.rpush(message.body.reply_to, *self._noise)
            writer.answer([(message.body.reply_to, message.body.query_id, self._views.get(identity))])


@pytest.fixture
def owner(door: Door) -> Iterator[Callable[..., Owner]]:
    """Let a context answer: `owner("catalog", view, ...)`; what has no view is unknown to it."""
    owners = []

    def begin(context: str, *views: View, noise: Sequence[bytes] = ()) -> Owner:
        owners.append(Owner(door.rabbitmq_url, context, {view.identity: view for view in views}, noise))
        return owners[-1]

    yield begin
    for begun in owners:
        begun.end()
