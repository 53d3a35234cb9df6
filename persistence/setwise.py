"""Set-wise writes: one statement for all rows of a table, with one array a column.

The statements come from the table's own column types, so a repository names columns only.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from psycopg import Connection
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

Row = Mapping[str, Any]


def insert(connection: Connection[Any], table: Table, rows: Sequence[Row], *, keep_existing: bool = False) -> None:
    """Insert all rows; with `keep_existing` a row whose key is there already is left as it is."""
    if rows:
        columns = tuple(rows[0])
        connection.execute(_insert_statement(table, columns, keep_existing), _arrays(table, columns, rows))


def update(connection: Connection[Any], table: Table, rows: Sequence[Row], *, key: str = "id") -> None:
    """Update each row that `key` names to its other columns' values; raises `LookupError` if one is not there."""
    if rows:
        columns = tuple(rows[0])
        cursor = connection.execute(_update_statement(table, columns, key), _arrays(table, columns, rows))
        if cursor.rowcount != len(rows):
            raise LookupError(f"{len(rows)} rows of {table.name} to update, {cursor.rowcount} found")


def json_text(value: Any) -> str:
    """Encode for a JSONB column."""
    return orjson.dumps(value, default=str).decode()


@lru_cache(maxsize=256)
def _insert_statement(table: Table, columns: tuple[str, ...], keep_existing: bool) -> bytes:
    names = ", ".join(f'"{column}"' for column in columns)
    tail = " ON CONFLICT DO NOTHING" if keep_existing else ""
    return f'INSERT INTO "{table.name}" ({names}) SELECT * FROM {_unnest(table, columns)}{tail}'.encode()


@lru_cache(maxsize=256)
def _update_statement(table: Table, columns: tuple[str, ...], key: str) -> bytes:
    changes = ", ".join(f'"{column}" = new."{column}"' for column in columns if column != key)
    names = ", ".join(f'"{column}"' for column in columns)
    source = f"{_unnest(table, columns)} AS new({names})"
    return f'UPDATE "{table.name}" AS old SET {changes} FROM {source} WHERE old."{key}" = new."{key}"'.encode()


def _unnest(table: Table, columns: Iterable[str]) -> str:
    return f"unnest({', '.join(f'%s::{_array_type(table, column)}' for column in columns)})"


def _array_type(table: Table, column: str) -> str:
    if isinstance(table.c[column].type, JSONB):
        return "text[]::jsonb[]"
    return f"{table.c[column].type.compile(postgresql.dialect())}[]"  # type: ignore[no-untyped-call]


def _arrays(table: Table, columns: Iterable[str], rows: Sequence[Row]) -> list[list[Any]]:
    return [
        [None if row[column] is None else json_text(row[column]) for row in rows]
        if isinstance(table.c[column].type, JSONB)
        else [row[column] for row in rows]
        for column in columns
    ]
