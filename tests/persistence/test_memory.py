"""What a worker remembers of rows, and how it notices that somebody else was faster."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from freezegun import freeze_time
from psycopg import Connection
from sqlalchemy import Column, Integer, Table, Uuid

from persistence.databases import database_url
from persistence.found import Found
from persistence.memory import DISTRUST_SECONDS, STALE_SECONDS, Memory
from persistence.setwise import Overtaken, Row
from persistence.tables.columns import context_metadata

COUNTERS = Table(
    "counters",
    context_metadata(),
    Column("id", Uuid, primary_key=True),
    Column("count", Integer),
    Column("version", Integer),
)


@dataclass
class Counter:
    """What is stored as a row of COUNTERS."""

    id: UUID = field(default_factory=uuid4)
    count: int = 0
    version: int = 1

    def add(self) -> None:
        self.count += 1
        self.version += 1


def row_of(counter: Counter) -> Row:
    return {"id": counter.id, "count": counter.count, "version": counter.version}


@pytest.fixture
def connection() -> Iterator[Connection[Any]]:
    """A transaction with the table of counters, gone at the end."""
    url = database_url("catalog").set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE TEMPORARY TABLE counters (id uuid PRIMARY KEY, count int, version int) ON COMMIT DROP"
        )
        yield connection
        connection.rollback()


def remembered(memory: Memory[Counter], connection: Connection[Any]) -> Counter:
    """A counter that is stored, and remembered as it is stored."""
    counter = Counter()
    connection.execute("INSERT INTO counters VALUES (%s, 0, 1)", (counter.id,))
    memory.keep({counter.id: counter})
    return counter


def found(memory: Memory[Counter], *wanted: UUID) -> tuple[dict[UUID, Counter], Found[Counter]]:
    counters: dict[UUID, Counter] = {}
    found = Found(COUNTERS, counters, memory, lambda counter: (counter.version,))
    found.recall(wanted)
    return counters, found


def test_what_is_taken_is_nobody_elses_until_it_is_kept_again() -> None:
    memory, one = Memory[str](), uuid4()
    memory.keep({one: "first"})

    assert memory.take([one, uuid4()]) == {one: "first"}
    assert memory.take([one]) == {}
    memory.keep({one: "second"})
    assert memory.take([one]) == {one: "second"}


def test_what_has_ended_is_forgotten() -> None:
    memory, one, other = Memory[str](), uuid4(), uuid4()
    memory.keep({one: "one", other: "other"})

    memory.keep({}, ended=[one])

    assert (memory.peek(one), memory.peek(other)) == (None, "other")


def test_where_there_is_no_room_the_older_stays() -> None:
    memory, ids = Memory[str](most=5, weight=len), [uuid4() for _ in range(3)]

    memory.keep(dict(zip(ids, ("aaa", "bbb", "cc"), strict=True)))

    assert [memory.peek(one) for one in ids] == ["aaa", None, "cc"]


def test_what_was_not_asked_for_in_a_minute_makes_room() -> None:
    memory, old, new = Memory[str](most=1), uuid4(), uuid4()
    with freeze_time() as clock:
        memory.keep({old: "old"})
        clock.tick(STALE_SECONDS - 1)
        memory.keep({new: "too early"})
        clock.tick(2)
        memory.keep({new: "new"})

        assert (memory.peek(old), memory.peek(new)) == (None, "new")


def test_what_was_not_asked_for_in_a_minute_is_read_again() -> None:
    memory, one = Memory[str](), uuid4()
    with freeze_time() as clock:
        memory.keep({one: "one"})
        clock.tick(STALE_SECONDS)

        assert memory.take([one]) == {}


def test_a_thing_that_is_too_heavy_is_not_remembered_and_empties_nothing_else() -> None:
    memory, small, large = Memory[str](most=3, weight=len), uuid4(), uuid4()

    memory.keep({small: "a", large: "aaaa"})

    assert (memory.peek(small), memory.peek(large)) == ("a", None)


def test_a_remembered_row_is_written_without_being_read(connection: Connection[Any]) -> None:
    memory = Memory[Counter]()
    counter = remembered(memory, connection)

    counters, one = found(memory, counter.id)
    counters[counter.id].add()
    one.update(connection, row_of)

    assert connection.execute("SELECT count, version FROM counters").fetchall() == [(1, 2)]


@pytest.mark.parametrize("changed_here", [True, False])
def test_a_remembered_row_that_somebody_else_changed_is_noticed(
    connection: Connection[Any], changed_here: bool
) -> None:
    memory = Memory[Counter]()
    counter = remembered(memory, connection)
    connection.execute("UPDATE counters SET count = 7, version = 2")

    counters, one = found(memory, counter.id)
    if changed_here:
        counters[counter.id].add()
    with pytest.raises(Overtaken):
        one.update(connection, row_of)

    assert connection.execute("SELECT count, version FROM counters").fetchall() == [(7, 2)]


def test_after_somebody_else_was_faster_nothing_is_taken_for_a_while() -> None:
    memory, one = Memory[str](), uuid4()
    with freeze_time() as clock:
        memory.keep({one: "one"})
        with pytest.raises(Overtaken), memory.writing():
            raise Overtaken

        assert memory.take([one]) == {}
        assert memory.peek(one) == "one"
        clock.tick(DISTRUST_SECONDS)
        assert memory.take([one]) == {one: "one"}


def test_a_row_that_is_held_as_it_is_waits_for_nobody_and_stays(connection: Connection[Any]) -> None:
    memory = Memory[Counter]()
    counter = remembered(memory, connection)

    counters, one = found(memory, counter.id)

    assert one.update(connection, row_of) == []
    assert counters == {counter.id: counter}
    assert one.new == []
