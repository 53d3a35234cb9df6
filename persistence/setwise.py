"""Set-wise writes: one statement for all rows of a table, with one JSON document as its only parameter.

The statements come from the table's own column types, so a repository names columns only. Why JSON: psycopg makes
arrays in Python, value by value; one document costs a tenth of that, and PostgreSQL reads it faster
(docs/decisions/0008-rows-travel-as-one-json-document.md).
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from psycopg import Connection
from sqlalchemy import String, Table
from sqlalchemy.dialects import postgresql

Row = Mapping[str, Any]


def insert(connection: Connection[Any], table: Table, rows: Sequence[Row], *, keep_existing: bool = False) -> None:
    """Insert all rows; with `keep_existing` a row whose key is there already is left as it is."""
    if rows:
        connection.execute(_insert_statement(table, tuple(rows[0]), keep_existing), (json_text(rows),))


def insert_newer(connection: Connection[Any], table: Table, rows: Sequence[Row], *, version: str) -> None:
    """Insert rows with different ids; a row that is there already is replaced where its `version` is lower."""
    if rows:
        connection.execute(_newer_statement(table, tuple(rows[0]), version), (json_text(rows),))


def update(connection: Connection[Any], table: Table, rows: Sequence[Row], *, key: str = "id") -> None:
    """Update each row that `key` names to its other columns' values; raises `LookupError` if one is not there."""
    if rows:
        cursor = connection.execute(_update_statement(table, tuple(rows[0]), key), (json_text(rows),))
        if cursor.rowcount != len(rows):
            raise LookupError(f"{len(rows)} rows of {table.name} to update, {cursor.rowcount} found")


def json_text(value: Any) -> str:
    """Encode as JSON; decimals become strings, which PostgreSQL reads back exactly, and bytes its hexadecimal form."""
    return orjson.dumps(value, default=_as_text).decode()


def _as_text(value: Any) -> str:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


@lru_cache(maxsize=256)
def _insert_statement(table: Table, columns: tuple[str, ...], keep_existing: bool) -> bytes:
    names = ", ".join(f'"{column}"' for column in columns)
    tail = " ON CONFLICT DO NOTHING" if keep_existing else ""
    return f'INSERT INTO "{table.name}" ({names}) SELECT {names} FROM {_rows(table, columns)}{tail}'.encode()


@lru_cache(maxsize=256)
def _newer_statement(table: Table, columns: tuple[str, ...], version: str) -> bytes:
    insertion = _insert_statement(table, columns, keep_existing=False).decode()
    changes = ", ".join(f'"{column}" = excluded."{column}"' for column in columns if column != "id")
    older = f'"{table.name}"."{version}" < excluded."{version}"'
    return f'{insertion} ON CONFLICT ("id") DO UPDATE SET {changes} WHERE {older}'.encode()


@lru_cache(maxsize=256)
def _update_statement(table: Table, columns: tuple[str, ...], key: str) -> bytes:
    changes = ", ".join(f'"{column}" = new."{column}"' for column in columns if column != key)
    source = _rows(table, columns)
    return f'UPDATE "{table.name}" AS old SET {changes} FROM {source} WHERE old."{key}" = new."{key}"'.encode()


def _rows(table: Table, columns: tuple[str, ...]) -> str:
    types = ", ".join(f'"{column}" {_type(table, column)}' for column in columns)
    return f"json_to_recordset(%s::json) AS new({types})"


def _type(table: Table, column: str) -> str:
    kind = table.c[column].type
    # Without its length here: what is too long is then refused where it is stored, and not cut where it is read.
    if isinstance(kind, String):
        return "text"
    return kind.compile(postgresql.dialect())  # type: ignore[no-untyped-call]
