"""Set-wise writes: one statement for all rows of a table, with one array a column as its parameters.

The statements come from the table's own column types, so a repository names columns only. psycopg makes arrays in
Python, value by value; here a whole column is written by orjson, whose lists differ from PostgreSQL's array texts in
little more than the brackets; ids are sent in binary (docs/decisions/0008-rows-travel-as-arrays.md).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import orjson
from psycopg import Connection
from sqlalchemy import String, Table, Uuid
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

Row = Mapping[str, Any]

NOTHING: Mapping[str, Sequence[Any]] = MappingProxyType({})

#: An escape that JSON has and an array text has not; it may also be the end of an escaped backslash.
_JSON_ESCAPE = re.compile(rb'\\[^"\\]')


class Overtaken(Exception):
    """Raised when a row is not any more what the work began with: somebody else was faster. Repeat the work."""


def insert(connection: Connection[Any], table: Table, rows: Sequence[Row], *, keep_existing: bool = False) -> None:
    """Insert all rows; with `keep_existing` a row whose key is there already is left as it is."""
    if rows:
        columns = tuple(rows[0])
        connection.execute(_insert_statement(table, columns, keep_existing), _arrays(table, columns, rows))


def insert_newer(connection: Connection[Any], table: Table, rows: Sequence[Row], *, version: str) -> None:
    """Insert rows with different ids; a row that is there already is replaced where its `version` is lower."""
    if rows:
        columns = tuple(rows[0])
        connection.execute(_newer_statement(table, columns, version), _arrays(table, columns, rows))


def update(
    connection: Connection[Any],
    table: Table,
    rows: Sequence[Row],
    *,
    unchanged: Mapping[str, Sequence[Any]] = NOTHING,
    computed: str = "",
) -> None:
    """Update each row that its `id` names to its other columns' values; raises `LookupError` if one is not there.

    `unchanged` tells by column what each row had when it was read, in the order of `rows`: if one has something else
    now, `Overtaken` is raised. `computed` is one more assignment in SQL, of the `old` row and the `new` values.
    """
    if rows:
        columns = tuple(rows[0])
        statement = _update_statement(table, columns, tuple(unchanged), computed)
        arrays = _arrays(table, columns, rows) + [array_text(values) for values in unchanged.values()]
        cursor = connection.execute(statement, arrays)
        if cursor.rowcount != len(rows):
            found = f"{len(rows)} rows of {table.name} to update, {cursor.rowcount} found"
            raise Overtaken(found) if unchanged else LookupError(found)


def require(
    connection: Connection[Any], table: Table, ids: Sequence[Any], unchanged: Mapping[str, Sequence[Any]]
) -> None:
    """Hold rows as they are until the transaction ends; raises `Overtaken` if one has not what `unchanged` tells."""
    if ids:
        statement = _require_statement(table, tuple(unchanged))
        cursor = connection.execute(statement, [ids, *map(array_text, unchanged.values())])
        if cursor.rowcount != len(ids):
            raise Overtaken(f"{len(ids)} rows of {table.name} to hold, {cursor.rowcount} found")


def json_text(value: Any) -> str:
    """Encode as JSON; decimals become strings, which PostgreSQL reads back exactly, and bytes its hexadecimal form."""
    return orjson.dumps(value, default=_as_text).decode()


def array_text(values: Sequence[Any]) -> str:
    """Encode as PostgreSQL's text of an array, whatever the type of its elements; None is NULL.

    >>> array_text([1, None, 'say "hi"'])
    '{1,null,"say \\\\"hi\\\\""}'
    """
    listed = orjson.dumps(values, default=_as_text)[1:-1]
    if _JSON_ESCAPE.search(listed):
        return f"{{{','.join(map(_element, values))}}}"
    return f"{{{listed.decode()}}}"


def _element(value: Any) -> str:
    """Return one element of an array text. Only in texts do JSON and array texts differ."""
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return json_text(value)


def _as_text(value: Any) -> str:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


def _arrays(table: Table, columns: Sequence[str], rows: Iterable[Row]) -> list[Any]:
    arrays: list[Any] = []
    for column in columns:
        values = [row[column] for row in rows]
        kind = table.c[column].type
        if isinstance(kind, Uuid):
            arrays.append(values)  # see persistence.adaptation
        elif isinstance(kind, JSONB):
            arrays.append(array_text([None if value is None else json_text(value) for value in values]))
        else:
            arrays.append(array_text(values))
    return arrays


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
def _update_statement(table: Table, columns: tuple[str, ...], unchanged: tuple[str, ...], computed: str) -> bytes:
    assigned = [f'"{column}" = new."{column}"' for column in columns if column != "id"]
    changes = ", ".join([*assigned, computed] if computed else assigned)
    same = "".join(f' AND old."{column}" = new."was_{column}"' for column in unchanged)
    source = _rows(table, columns, unchanged)
    return f'UPDATE "{table.name}" AS old SET {changes} FROM {source} WHERE old."id" = new."id"{same}'.encode()


@lru_cache(maxsize=64)
def _require_statement(table: Table, unchanged: tuple[str, ...]) -> bytes:
    same = "".join(f' AND old."{column}" = new."was_{column}"' for column in unchanged)
    source = _rows(table, ("id",), unchanged)
    return f'SELECT 1 FROM "{table.name}" AS old JOIN {source} ON old."id" = new."id"{same} FOR SHARE OF old'.encode()


def _rows(table: Table, columns: tuple[str, ...], unchanged: tuple[str, ...] = ()) -> str:
    names = ", ".join([f'"{column}"' for column in columns] + [f'"was_{column}"' for column in unchanged])
    arrays = ", ".join(f"%s::{_type(table, column)}[]" for column in columns + unchanged)
    return f"unnest({arrays}) AS new({names})"


def _type(table: Table, column: str) -> str:
    kind = table.c[column].type
    # Without its length here: what is too long is then refused where it is stored, and not cut where it is read.
    if isinstance(kind, String):
        return "text"
    return kind.compile(postgresql.dialect())  # type: ignore[no-untyped-call]
