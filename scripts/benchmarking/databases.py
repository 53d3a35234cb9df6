"""A peer's own databases: made from the project's migrations beside the platform's, stocked, counted, and dropped."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.sql import SQL, Identifier

import local_servers
from benchmarking.peers.rows import WAREHOUSE
from benchmarking.workload import OneLineOrder
from local_servers import variables
from persistence import migrations
from persistence.databases import url_variable

#: The contexts in which an order leaves rows.
CONTEXTS = ("orders", "inventory", "delivery")

_WAREHOUSE = "INSERT INTO warehouses (id, code, name) VALUES (%s, 'CDNOW-EAST', 'East')"
_LEVEL = "INSERT INTO inventory (product_id, warehouse_id, quantity_on_hand) VALUES (%s, %s, %s)"


class NotPrivateError(Exception):
    """Raised when PostgreSQL is the caller's own: there peers can make no databases. The text is a sentence."""


class PeerDatabases:
    """The databases `bench_<peer>_<context>`, and those that the peer's engine needs for itself."""

    def __init__(self, peer: str, own: Sequence[str] = ()) -> None:
        given = [variable for variable in map(url_variable, CONTEXTS) if variable in variables.given()]
        if given:
            raise NotPrivateError(f"{', '.join(given)}: peers run on the private PostgreSQL only; unset them")
        self._names = {name: f"bench_{peer}_{name}" for name in (*CONTEXTS, *own)}
        self._own = own

    def url(self, name: str) -> str:
        """Return the URL of one of them."""
        return _superuser_url(self._names[name])

    def environment(self) -> Mapping[str, str]:
        """Return the variables by which a peer's process finds them."""
        own = {f"BENCH_{name.upper()}_URL": self.url(name) for name in self._own}
        return own | {url_variable(context): self.url(context) for context in CONTEXTS}

    def create(self) -> None:
        """Make them, empty."""
        self.drop()
        with _superuser() as connection:
            for name in self._names.values():
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        for context in CONTEXTS:
            with psycopg.connect(self.url(context), autocommit=True) as connection:
                connection.execute(migrations.upgrade_sql(context).encode())

    def stock(self, orders: Sequence[OneLineOrder]) -> None:
        """Put into the warehouse what the orders need, to the unit."""
        needed = Counter[str]()
        for order in orders:
            needed[order["product_id"]] += order["quantity"]
        with psycopg.connect(self.url("inventory")) as connection:
            connection.execute(_WAREHOUSE, (WAREHOUSE,))
            connection.cursor().executemany(_LEVEL, [(product, WAREHOUSE, units) for product, units in needed.items()])
        for context in CONTEXTS:
            with psycopg.connect(self.url(context), autocommit=True) as connection:
                connection.execute("ANALYZE")

    def drop(self) -> None:
        """Remove them, whoever is connected."""
        with _superuser() as connection:
            for name in self._names.values():
                connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


@contextmanager
def _superuser() -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(local_servers.postgresql_superuser_url(), autocommit=True) as connection:
        yield connection


def _superuser_url(database: str) -> str:
    return urlunsplit(urlsplit(local_servers.postgresql_superuser_url())._replace(path=f"/{database}"))


def platform_urls() -> dict[str, str]:
    """Return the URLs of the platform's own databases, by context."""
    return {context: os.environ[url_variable(context)] for context in CONTEXTS}
