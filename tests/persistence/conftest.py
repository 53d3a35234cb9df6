"""What tests of the storage stand on: schemas and a virtual host of their own on the real servers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from persistence.postgres_store import PostgresStore

from .own_schemas import own_schema
from .virtual_host import VirtualHost, own_virtual_host

Open = Callable[[str], PostgresStore]
Look = Callable[..., list[Any]]


@pytest.fixture(scope="session")
def schemas() -> Iterator[Callable[[str], str]]:
    """Return the URL of a context's own schema, migrated when it is first asked for."""
    urls: dict[str, str] = {}
    with ExitStack() as stack:

        def url(context: str) -> str:
            if context not in urls:
                urls[context] = stack.enter_context(own_schema(context))
            return urls[context]

        yield url


@pytest.fixture
def open_store(schemas: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Open a context's store in a schema of the tests' own, with nothing in its messaging tables."""
    stores = []

    def begin(context: str) -> PostgresStore:
        with psycopg.connect(schemas(context), autocommit=True) as connection:
            connection.execute("TRUNCATE inbox, outbox, dead_letters")
        monkeypatch.setenv(f"{context.upper()}_DATABASE_URL", schemas(context))
        stores.append(PostgresStore(context))
        return stores[-1]

    yield begin
    for store in stores:
        store.close()


@pytest.fixture
def look(schemas: Callable[[str], str]) -> Iterator[Look]:
    """Ask coordination's database as an operator would."""
    with psycopg.connect(schemas("coordination"), autocommit=True) as connection:
        yield lambda query, *parameters: connection.execute(query, parameters).fetchall()


@pytest.fixture(scope="session")
def virtual_host() -> Iterator[VirtualHost]:
    """A RabbitMQ virtual host that only these tests use."""
    with own_virtual_host() as host:
        yield host
