"""Looking into the contexts' stores: snapshots that cannot write, and one sentence where a server is away."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.rows import DictRow, dict_row
from pymongo.database import Database
from pymongo.errors import PyMongoError
from sqlalchemy.exc import SQLAlchemyError

from contexts.subscriptions import CONTEXTS
from operations.errors import ServerAway
from persistence.databases import POSTGRESQL_CONTEXTS, DatabaseUrlError, address, connection_parts, url_variable
from persistence.databases import notifications_database as open_notifications

__all__ = ["CONTEXTS", "POSTGRESQL_CONTEXTS", "from_each", "named", "notifications", "reading"]

Answer = TypeVar("Answer")
Snapshot = psycopg.Connection[DictRow]


@contextmanager
def reading(context: str) -> Iterator[Snapshot]:
    """Open a read-only snapshot of a PostgreSQL context's database; raises `ServerAway`."""
    with named(context):
        parts = connection_parts(context)
        with psycopg.connect(**parts, application_name="first-viscount/ops", row_factory=dict_row) as connection:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.execute("SET TIME ZONE 'UTC'")
            yield connection


@contextmanager
def notifications() -> Iterator[Database[dict[str, Any]]]:
    """Open the notifications' MongoDB database; raises `ServerAway`."""
    with named("notifications"):
        database = open_notifications()
        try:
            yield database
        finally:
            database.client.close()


@contextmanager
def named(context: str) -> Iterator[None]:
    """Turn what a driver raises into `ServerAway`: it names the variable and the host, never the password."""
    try:
        yield
    except DatabaseUrlError as problem:
        raise ServerAway(f"{problem}.") from problem
    except (psycopg.Error, SQLAlchemyError, PyMongoError) as problem:
        first = next(iter(str(getattr(problem, "orig", None) or problem).strip().splitlines()), type(problem).__name__)
        raise ServerAway(
            f"the database of {context} at {address(context)} (from {url_variable(context)}) cannot be used: {first}"
        ) from problem


def from_each(
    ask: Mapping[str, Callable[[], Answer]] | Iterable[tuple[str, Callable[[], Answer]]],
) -> tuple[dict[str, Answer], list[str]]:
    """Ask each context's server; return the answers, and a sentence for each that is away."""
    answers: dict[str, Answer] = {}
    away: list[str] = []
    for name, question in dict(ask).items():
        try:
            answers[name] = question()
        except ServerAway as problem:
            away.append(str(problem))
    return answers, away
