"""Finished orders loaded in bulk, as if they had been placed evenly over two years, the last of them two days ago.

Each chunk is whole: its orders are in every store, and so are the deliveries that brought what they took.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg import Cursor

from benchmarking.growth_pattern import TABLES, Pattern, Places, copy_in, filled, id_in
from contexts.identity import dated, named, within
from contexts.orders.numbers import new_number
from demonstration.databases import looking_into
from persistence.databases import notifications_database

#: Orders in a chunk, and seconds between two lines about how far it is.
CHUNK, TELL_SECONDS = 10_000, 10.0

#: Orders of one customer, about.
PER_CUSTOMER = 5

#: When the orders were placed: reconciliation looks back a day at most.
OLDEST, NEWEST = timedelta(days=730), timedelta(days=2)

_INBOX = "INSERT INTO inbox (id) SELECT unnest(%s::uuid[])"
_RECEIVED = """
    INSERT INTO inventory_movements
        (id, product_id, warehouse_id, movement_type, quantity, reference_type, reference_id, created_at)
    VALUES (%s, %s, %s, 'RECEIVED', %s, 'DELIVERY', %s, %s)
"""

Say = Callable[[str], None]


class LoadInterrupted(Exception):
    """Raised when a load was told to stop; what is loaded is whole."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order to be loaded: the `number`th of its load."""

    load: UUID
    number: int
    placed_at: datetime

    def values(self, places: Places) -> tuple[dict[str, str], dict[str, datetime]]:
        """Return what is to stand in the places of a pattern, as text, and its moments as such too."""
        order_id = self.order_id
        moments = {name: self.placed_at + after for name, after in places.moments.items()}
        customer = self.number // PER_CUSTOMER
        return {
            "order": str(order_id),
            "customer": id_in(self.load, f"customer/{customer}"),
            "email": f"customer-{customer:07}@example.com",
            "number": new_number(order_id),
            "parcel": f"FV{order_id.hex[-18:].upper()}",
            **{name: id_in(order_id, name) for name in places.ids},
            **{name: str(at) for name, at in moments.items()},
        }, moments

    @property
    def order_id(self) -> UUID:
        """Its id."""
        return dated(named(self.load, str(self.number)), int(self.placed_at.timestamp() * 1000))


class Loading:
    """One load of finished orders, like some that there are; `inbox` is messages an order, by context."""

    def __init__(self, patterns: Sequence[Pattern], inbox: Mapping[str, int], count: int) -> None:
        self.id = uuid4()
        self._patterns = patterns
        self._inbox = inbox
        self._count = count
        self._first = datetime.now(UTC).replace(microsecond=0) - OLDEST
        self._spacing = (OLDEST - NEWEST) / max(count, 1)

    def run(self, stopped: threading.Event, say: Say) -> None:
        """Load all; raises `LoadInterrupted` behind the chunk during which it was stopped."""
        told = began = time.monotonic()
        with ThreadPoolExecutor(len(TABLES) + 1) as pool:
            for first in range(0, self._count, CHUNK):
                chunk = range(first, min(first + CHUNK, self._count))
                jobs = [pool.submit(self._load, context, chunk) for context in TABLES]
                jobs.append(pool.submit(self._load_mails, chunk))
                for job in jobs:
                    job.result()
                if stopped.is_set():
                    raise LoadInterrupted(f"{chunk.stop} of {self._count} orders were loaded")
                if time.monotonic() - told > TELL_SECONDS:
                    told = time.monotonic()
                    say(f"    {chunk.stop:,} of {self._count:,} orders, {chunk.stop / (told - began):,.0f} a second")

    def sample(self, most: int) -> list[UUID]:
        """Return the ids of so many of the orders, evenly spread."""
        step = max(1, self._count // most)
        return [self._order(number).order_id for number in range(0, self._count, step)][:most]

    def _order(self, number: int) -> Order:
        return Order(self.id, number, self._first + number * self._spacing)

    def _pattern(self, number: int) -> Pattern:
        return self._patterns[number % len(self._patterns)]

    def _load(self, context: str, chunk: range) -> None:
        """Load a chunk into one context's database, in one transaction."""
        patterns = [self._pattern(number).texts[context] for number in chunk]
        values = [self._order(number).values(text.places)[0] for number, text in zip(chunk, patterns, strict=True)]
        with looking_into(context, writing=True) as connection, connection.cursor() as cursor:
            # What is lost in a crash is loaded again; nothing else is written meanwhile.
            cursor.execute("SET LOCAL synchronous_commit = off")
            for table in TABLES[context]:
                with cursor.copy(copy_in(table, patterns[0].columns[table])) as rows:
                    for text, value in zip(patterns, values, strict=True):
                        rows.write(text.lines[table] % value)
            cursor.execute(_INBOX, (list(self._messages(context, chunk)),))
            if context == "inventory":
                self._deliver(cursor, chunk)

    def _deliver(self, cursor: Cursor[Any], chunk: range) -> None:
        """Enter the deliveries of what a chunk's orders took."""
        units: Counter[tuple[UUID, UUID]] = Counter()
        for number in chunk:
            units += self._pattern(number).units
        delivery, at = named(self.id, f"delivery/{chunk.start}"), self._order(chunk.start).placed_at
        rows = [
            (id_in(delivery, f"RECEIVED/{product}/{place}"), product, place, count, delivery, at)
            for (product, place), count in units.items()
        ]
        cursor.executemany(_RECEIVED, rows)

    def _load_mails(self, chunk: range) -> None:
        database = notifications_database()
        try:
            database["notifications"].insert_many(self._mails(chunk), ordered=False)
            received, seen = list(self._messages("notifications", chunk)), datetime.now(UTC)
            if received:
                database["inbox"].insert_many(({"_id": one, "received_at": seen} for one in received), False)
        finally:
            database.client.close()

    def _messages(self, context: str, chunk: range) -> Iterator[UUID]:
        for number in chunk:
            order_id = self._order(number).order_id
            for nth in range(self._inbox[context]):
                yield within(order_id, f"{context}/{nth}")

    def _mails(self, chunk: range) -> Iterator[dict[str, Any]]:
        for number in chunk:
            pattern = self._pattern(number)
            values, moments = self._order(number).values(pattern.mail_places)
            for mail in pattern.mails:
                yield filled(mail, values, moments)
