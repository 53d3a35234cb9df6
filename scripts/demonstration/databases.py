"""Short looks into the contexts' PostgreSQL databases, each over a connection of its own: servers may restart."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from persistence.databases import connection_parts


@contextmanager
def looking_into(context: str, *, writing: bool = False) -> Iterator[psycopg.Connection[TupleRow]]:
    """Open one transaction: a snapshot that cannot write, unless told otherwise. Raises `psycopg.Error`."""
    with psycopg.connect(**connection_parts(context), application_name="first-viscount/demo") as connection:
        connection.read_only = not writing
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield connection


def one_number(context: str, query: str, *parameters: Any) -> int:
    """Return the number that a query gives."""
    with looking_into(context) as connection:
        row = connection.execute(query.encode(), parameters).fetchone()
    return int(row[0]) if row else 0
