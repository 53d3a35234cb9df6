"""What is inside the private PostgreSQL before any migration: databases, roles, who may connect, extensions."""

from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from local_servers import credentials, variables
from local_servers.errors import ServerError

Connection = psycopg.Connection[tuple[str]]


def create() -> None:
    """Make what is not there yet; raises ServerError if PostgreSQL refuses."""
    try:
        with psycopg.connect(variables.superuser_url(), autocommit=True) as connection:
            _create_roles(connection)
            _create_databases(connection)
            _close_to_the_public(connection)
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        with psycopg.connect(_superuser_in("catalog"), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS ltree")
    except psycopg.Error as problem:
        raise ServerError(f"postgresql: the databases could not be made: {problem}") from problem


def _superuser_in(database: str) -> str:
    return urlunsplit(urlsplit(variables.superuser_url())._replace(path=f"/{database}"))


def _create_roles(connection: Connection) -> None:
    there = _names(connection, "SELECT rolname FROM pg_roles")
    passwords = credentials.load()
    for role in (context for context in variables.CONTEXTS if context not in there):
        statement = SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        connection.execute(statement.format(Identifier(role), Literal(passwords[role])))


def _create_databases(connection: Connection) -> None:
    there = _names(connection, "SELECT datname FROM pg_database")
    for name in (context for context in variables.CONTEXTS if context not in there):
        connection.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(name), Identifier(name)))


def _close_to_the_public(connection: Connection) -> None:
    """By default every role may connect to every database; here only its owner may."""
    open_to_all = "SELECT datname FROM pg_database WHERE has_database_privilege('public', oid, 'CONNECT')"
    for name in _names(connection, open_to_all):
        connection.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(name)))


def _names(connection: Connection, query: str) -> set[str]:
    return {name for (name,) in connection.execute(query.encode())}
