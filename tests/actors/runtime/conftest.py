"""What tests of the runtime stand on: a schema and a virtual host of their own on the real servers."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from persistence.postgres_store import PostgresStore
from tests.persistence.line import Line, line_to
from tests.persistence.own_schemas import own_schema
from tests.persistence.virtual_host import VirtualHost, own_virtual_host

from .marks import TABLE, Work


@pytest.fixture(scope="session")
def schema() -> Iterator[str]:
    """The URL of a schema with the inventory's tables and the marks."""
    with own_schema("inventory") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TABLE)
        yield url


@pytest.fixture
def line(schema: str) -> Iterator[Line]:
    """A line to the database that can be cut; every store of the test goes over it."""
    url = urlsplit(schema)
    with line_to(str(url.hostname), url.port or 5432) as line:
        yield line


@pytest.fixture
def work(schema: str, line: Line, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """The runtime's heart, with empty tables."""
    with psycopg.connect(schema, autocommit=True) as connection:
        connection.execute("TRUNCATE inbox, outbox, dead_letters, marks")
    url = urlsplit(schema)
    netloc = f"{url.username}:{url.password}@127.0.0.1:{line.port}"
    monkeypatch.setenv("INVENTORY_DATABASE_URL", url._replace(netloc=netloc).geturl())
    store = PostgresStore("inventory")
    yield Work(store, schema)
    store.close()


@pytest.fixture(scope="session")
def virtual_host() -> Iterator[VirtualHost]:
    """A RabbitMQ virtual host that only these tests use."""
    with own_virtual_host() as host:
        yield host


@pytest.fixture
def empty_host(virtual_host: VirtualHost) -> VirtualHost:
    """The same, without any queue."""
    for queue in virtual_host.queues(containing=""):
        virtual_host.delete(queue)
    return virtual_host


@pytest.fixture
def broker_line(virtual_host: VirtualHost) -> Iterator[Line]:
    """A line to RabbitMQ that can be cut."""
    url = urlsplit(virtual_host.url)
    with line_to(str(url.hostname), url.port or 5672) as line:
        yield line


@pytest.fixture
def url_over_line(virtual_host: VirtualHost, broker_line: Line) -> str:
    """The virtual host's URL, over the line."""
    return virtual_host.url_over(broker_line.port)
