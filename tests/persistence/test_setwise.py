"""Set-wise writes on a real table with every type of column that the contexts use."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import Boolean, Column, Date, DateTime, Integer, LargeBinary, Numeric, String, Table, Text, Uuid
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from persistence import setwise
from persistence.databases import database_url
from persistence.tables.columns import Ltree, context_metadata

TRIALS = Table(
    "trials",
    context_metadata(),
    Column("id", Uuid, primary_key=True),
    Column("name", String(10)),
    Column("remark", Text),
    Column("amount", Numeric(10, 2)),
    Column("units", Integer),
    Column("active", Boolean),
    Column("due", Date),
    Column("moment", DateTime(timezone=True)),
    Column("document", JSONB),
    Column("bytes", LargeBinary),
    Column("path", Ltree),
)

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]

Rows = list[dict[str, Any]]


@pytest.fixture
def connection() -> Iterator[psycopg.Connection[Any]]:
    """A transaction with a table of every type, gone at the end."""
    url = database_url("catalog").set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        columns = ", ".join(f'"{c.name}" {c.type.compile(dialect=DIALECT)}' for c in TRIALS.columns)
        connection.execute(f"CREATE TEMPORARY TABLE trials ({columns}, UNIQUE (id)) ON COMMIT DROP".encode())
        yield connection
        connection.rollback()


def a_row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": uuid4(),
        "name": "plain",
        "remark": None,
        "amount": Decimal("12.34"),
        "units": 7,
        "active": True,
        "due": date(1997, 1, 31),
        "moment": datetime(2026, 2, 28, 23, 59, 59, 123456, UTC),
        "document": {"a": 1},
        "bytes": b"\x00\xff",
        "path": "music.jazz",
    }
    return row | changes


def stored(connection: psycopg.Connection[Any], *ids: UUID) -> Rows:
    cursor = connection.cursor(row_factory=dict_row)
    rows = {row["id"]: row for row in cursor.execute("SELECT * FROM trials").fetchall()}
    return [rows[one] for one in ids]


TRICKY = [
    a_row(name="\"q\" 's'", remark="back\\slash, {brace}, tab\t and\nnewline, NULL, %s"),
    a_row(name="Žluťoučký", remark="日本語 🎷 ‮rtl"),
    a_row(remark="", amount=Decimal("99999999.99"), units=-(2**31), active=False),
    a_row(amount=Decimal("0.00"), units=2**31 - 1, bytes=b""),
    a_row(moment=datetime(2026, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=-5)))),
    a_row(document={"quote": "a\"b'c\\d", "none": None, "unicode": "🎷", "nested": [{"n": [1, 2.5, True, None]}]}),
    a_row(document=[]),
    a_row(document={}),
    a_row(document="text, not an object"),
    a_row(**dict.fromkeys(["name", "remark", "amount", "units", "active", "due", "moment", "document", "path"])),
]


def test_every_type_comes_back_as_it_was_inserted(connection: psycopg.Connection[Any]) -> None:
    setwise.insert(connection, TRIALS, TRICKY)

    assert stored(connection, *(row["id"] for row in TRICKY)) == TRICKY


def test_every_type_comes_back_as_it_was_updated(connection: psycopg.Connection[Any]) -> None:
    setwise.insert(connection, TRIALS, [a_row(id=row["id"]) for row in TRICKY])

    setwise.update(connection, TRIALS, list(reversed(TRICKY)))

    assert stored(connection, *(row["id"] for row in TRICKY)) == TRICKY


def test_a_python_none_is_null_and_not_the_json_null(connection: psycopg.Connection[Any]) -> None:
    setwise.insert(connection, TRIALS, [a_row(document=None)])

    found = connection.execute("SELECT document IS NULL FROM trials").fetchone()
    assert found == (True,)


def test_what_json_has_no_type_for_is_stored_as_text(connection: psycopg.Connection[Any]) -> None:
    identity = uuid4()
    row = a_row(document={"uuid": identity, "date": date(1997, 1, 1), "amount": Decimal("0.10")})
    setwise.insert(connection, TRIALS, [row])

    (found,) = stored(connection, row["id"])
    assert found["document"] == {"uuid": str(identity), "date": "1997-01-01", "amount": "0.10"}


def test_only_the_columns_that_are_named_are_written(connection: psycopg.Connection[Any]) -> None:
    row = a_row(units=1)
    setwise.insert(connection, TRIALS, [row])

    setwise.update(connection, TRIALS, [{"id": row["id"], "units": 2}])

    assert stored(connection, row["id"]) == [row | {"units": 2}]


def test_writing_nothing_is_allowed(connection: psycopg.Connection[Any]) -> None:
    setwise.insert(connection, TRIALS, [])
    setwise.update(connection, TRIALS, [])

    assert connection.execute("SELECT count(*) FROM trials").fetchone() == (0,)


def test_a_row_that_is_not_there_cannot_be_updated(connection: psycopg.Connection[Any]) -> None:
    row = a_row()
    setwise.insert(connection, TRIALS, [row])

    with pytest.raises(LookupError, match="2 rows of trials to update, 1 found"):
        setwise.update(connection, TRIALS, [row, a_row()])


def test_a_row_that_is_there_is_kept_only_where_that_is_said(connection: psycopg.Connection[Any]) -> None:
    row, other = a_row(units=1), a_row()
    setwise.insert(connection, TRIALS, [row])

    setwise.insert(connection, TRIALS, [row | {"units": 2}, other], keep_existing=True)
    assert stored(connection, row["id"], other["id"]) == [row, other]
    with pytest.raises(psycopg.errors.UniqueViolation):
        setwise.insert(connection, TRIALS, [row])


@pytest.mark.parametrize("write", [setwise.insert, setwise.update])
def test_a_text_longer_than_its_column_is_refused_and_never_cut(
    connection: psycopg.Connection[Any], write: Any
) -> None:
    row = a_row()
    if write is setwise.update:
        setwise.insert(connection, TRIALS, [row])

    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        write(connection, TRIALS, [row | {"name": "eleven char"}])


@pytest.mark.parametrize("changes", [{"amount": Decimal("100000000.00")}, {"units": 2**31}, {"document": "a\0b"}])
def test_a_value_that_its_column_cannot_hold_is_refused(
    connection: psycopg.Connection[Any], changes: dict[str, Any]
) -> None:
    with pytest.raises(psycopg.DataError):
        setwise.insert(connection, TRIALS, [a_row(**changes)])
