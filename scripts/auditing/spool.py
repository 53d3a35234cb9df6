"""What providers export in an order of their own, put aside on disk so that it can be read order by order."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from auditing.facts import ChargeFact, LabelFact
from auditing.slices import Slice

_TABLES = {
    "charges": "order_id TEXT, payment_id TEXT, state TEXT, captured_minor INT, refunded_minor INT",
    "labels": "order_id TEXT, reference TEXT, state TEXT, tracking_number TEXT",
    "mails": "order_id TEXT, message_id TEXT",
}


class Spool:
    """A temporary database, gone when it is closed. What no provider could be asked for is not in `known`."""

    def __init__(self) -> None:
        # An empty name: a file of SQLite's own that nobody else sees, kept in memory while it is small.
        self._database = sqlite3.connect("")
        self.known: set[str] = set()
        for table, columns in _TABLES.items():
            self._database.execute(f"CREATE TABLE {table} ({columns})")
            self._database.execute(f"CREATE INDEX by_order_{table} ON {table} (order_id)")

    def fill(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take all that a provider has."""
        self.known.add(table)
        places = ", ".join("?" * (_TABLES[table].count(",") + 1))
        self._database.executemany(f"INSERT INTO {table} VALUES ({places})", rows)

    def charges(self, part: Slice) -> Iterator[tuple[UUID, ChargeFact]]:
        """Yield what the gateway has of a slice of orders."""
        for order_id, payment_id, *others in self._rows("charges", part):
            yield UUID(order_id), ChargeFact(UUID(payment_id), *others)

    def labels(self, part: Slice) -> Iterator[tuple[UUID, LabelFact]]:
        """Yield what the carrier has of a slice of orders."""
        for order_id, reference, *others in self._rows("labels", part):
            yield UUID(order_id), LabelFact(UUID(reference), *others)

    def mails(self, part: Slice) -> dict[UUID, Counter[str]]:
        """Return what arrived about a slice of orders, by order and Message-ID."""
        found: dict[UUID, Counter[str]] = {}
        for order_id, message_id in self._rows("mails", part):
            found.setdefault(UUID(order_id), Counter())[message_id] += 1
        return found

    def nth(self, table: str, first: UUID, rows: int) -> UUID | None:
        """Return the order of the row that comes so many rows after the first of an id; None if there is none."""
        query = f"SELECT order_id FROM {table} WHERE order_id >= ? ORDER BY order_id LIMIT 1 OFFSET ?"
        found = self._database.execute(query, (str(first), rows)).fetchone()
        return UUID(found[0]) if found else None

    def close(self) -> None:
        """Forget everything."""
        self._database.close()

    def _rows(self, table: str, part: Slice) -> Iterator[tuple[Any, ...]]:
        ordered = f"SELECT * FROM {table} WHERE order_id BETWEEN ? AND ? ORDER BY 1, 2"
        ends = [(one, one) for one in part.ids] if part.ids is not None else [(part.first, part.last)]
        for first, last in ends:
            yield from self._database.execute(ordered, (str(first), str(last)))


@contextmanager
def spool() -> Iterator[Spool]:
    """An empty spool, closed in the end."""
    opened = Spool()
    try:
        yield opened
    finally:
        opened.close()
