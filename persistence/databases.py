"""The databases: five in PostgreSQL and one in MongoDB, one a context, each found by an environment variable."""

import os
from typing import Any
from urllib.parse import urlsplit

import orjson
import sqlalchemy
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from persistence.adaptation import adapt

POSTGRESQL_CONTEXTS = ("coordination", "catalog", "inventory", "orders", "delivery")
"""The contexts that store in PostgreSQL; `notifications` stores in MongoDB."""

CONNECT_TIMEOUT = 10
"""Seconds to wait for a server to answer at all."""

SILENCE_TIMEOUT = 30
"""Seconds after which a server that acknowledges nothing any more counts as gone."""


class DatabaseUrlError(Exception):
    """Raised when the variable that tells where a database is, is missing or is no database URL."""


def url_variable(context: str) -> str:
    """The name of the environment variable that holds the URL of a context's database."""
    return f"{context.upper()}_DATABASE_URL"


def database_url(context: str) -> sqlalchemy.URL:
    """The URL of a context's PostgreSQL database, for psycopg 3. Raises DatabaseUrlError."""
    variable = url_variable(context)
    try:
        url = make_url(_required(variable))
    except (ArgumentError, ValueError):
        # The cause would repeat the value, which may hold a password.
        raise DatabaseUrlError(f"{variable} is not a URL such as postgresql://user:password@host:5432/name") from None
    if url.drivername not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise DatabaseUrlError(f"{variable} must start with postgresql://, not {url.drivername}://")
    return url.set(drivername="postgresql+psycopg")


def address(context: str) -> str:
    """Host, port and name of a context's database, fit for messages: neither user nor password."""
    if context in POSTGRESQL_CONTEXTS:
        url = database_url(context)
        return f"{url.host or 'the local socket'}:{url.port or 5432}/{url.database or ''}"
    parts = urlsplit(_required(url_variable(context)))
    return parts.netloc.rpartition("@")[2] + parts.path


def connection_parts(context: str) -> dict[str, Any]:
    """What `psycopg.connect` takes for a short look into a context's database. Raises DatabaseUrlError.

    Not as text: SQLAlchemy writes a space in `options` as a plus sign, which libpq does not read.
    """
    url = database_url(context)
    parts = {**url.query, **url.translate_connect_args(username="user", database="dbname")}
    return parts | {"connect_timeout": CONNECT_TIMEOUT}


def engine(context: str, pool_size: int = 5, statement_seconds: int = 0) -> sqlalchemy.Engine:
    """A pool of at most `pool_size` connections to a context's database, which tell the server who they are.

    Open one a process, after the fork. Connections speak UTC. A statement may take `statement_seconds` (0: for ever).
    Raises DatabaseUrlError.
    """
    url = database_url(context)
    # Options already in the URL stay in force: an operator may set a search_path or a timeout there.
    # What an order is about was written a moment ago, so its pages are in memory: no read is a disk's random seek, and
    # a table of a few thousand rows is not read through to find a hundred.
    planning = "-c random_page_cost=1.1"
    options = f"-c statement_timeout={statement_seconds}s {planning} {url.query.get('options', '')} -c TimeZone=UTC"
    made = sqlalchemy.create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=False,
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
        connect_args={
            "application_name": f"first-viscount/{context}",
            "connect_timeout": CONNECT_TIMEOUT,
            "tcp_user_timeout": SILENCE_TIMEOUT * 1000,
            "options": options,
        },
    )
    sqlalchemy.event.listen(made, "connect", lambda connection, _record: adapt(connection))
    return made


def notifications_database() -> Database[dict[str, Any]]:
    """The MongoDB database of the notifications context; `.client` is its connection pool.

    Open one a process, after the fork. UUIDs are stored as binary subtype 4, times are read in UTC with a time zone.
    Raises DatabaseUrlError.
    """
    variable = url_variable("notifications")
    url = _required(variable)
    try:
        client: MongoClient[dict[str, Any]] = MongoClient(
            url,
            appname="first-viscount/notifications",
            tz_aware=True,
            uuidRepresentation="standard",
            serverSelectionTimeoutMS=CONNECT_TIMEOUT * 1000,
        )
    except (PyMongoError, ValueError):
        raise DatabaseUrlError(f"{variable} is not a URL such as mongodb://user:password@host:27017/name") from None
    return client.get_default_database(default="notifications")


def _required(variable: str) -> str:
    """The value of an environment variable that must be there."""
    value = os.environ.get(variable, "").strip()
    if not value:
        raise DatabaseUrlError(f'{variable} is not set: run eval "$(scripts/servers env)", which prints it, or set it')
    return value


def _to_json(value: Any) -> str:
    """JSON text of a document; UUIDs and dates may be in it, decimals may not."""
    return orjson.dumps(value).decode()
