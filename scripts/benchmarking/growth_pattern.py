"""A finished order as a pattern: its rows in every store, with places for what is another order's own.

The rows are read from the stores, so the pattern is what the platform writes, whatever that is by now.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from psycopg.sql import SQL, Composed, Identifier

from contexts.delivery.model import shipment_id
from contexts.identity import part
from contexts.orders.payment import payment_id
from demonstration.databases import looking_into
from persistence.databases import notifications_database
from persistence.orders import line_id

#: The tables in which an order leaves rows, parents first, and the column by which they are found.
TABLES: Mapping[str, Mapping[str, str]] = {
    "orders": {"orders": "id", "order_items": "order_id", "payments": "order_id", "order_events": "order_id"},
    "coordination": {"workflows": "id", "sagas": "id", "workflow_events": "workflow_id"},
    "inventory": {"inventory_reservations": "order_id", "inventory_movements": "reference_id"},
    "delivery": {"shipments": "order_id", "tracking_events": "shipment_id"},
}

#: Levels after a movement: those of the order that the pattern comes from would be wrong elsewhere. Left NULL.
LEFT_OUT = frozenset({"on_hand_after", "reserved_after"})

#: Lines of an order whose names are made again as the platform makes them.
MOST_LINES = 100

_COLUMNS = """
    SELECT column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position
"""
_UNITS = """
    SELECT product_id, warehouse_id, sum(quantity)::int FROM inventory_movements
    WHERE reference_id = %s AND movement_type = 'SHIPPED' GROUP BY 1, 2
"""

#: What may be an order's own: ids, moments, the numbers of orders and parcels, addresses of customers.
_OWN = re.compile(
    r"(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"|(?P<moment>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?\+00)"
    r"|(?P<number>FV(?:-[0-9A-Z]{5,6}){3})|(?P<parcel>FV[0-9A-F]{18})|(?P<email>[^\s@\"]+@example\.com)"
)

Values: TypeAlias = Mapping[str, str]


@dataclass
class Places:
    """The places of a pattern by name: ids with their names in the order's namespace, moments after its first one."""

    order_id: UUID
    customer_id: UUID
    shared: frozenset[UUID]
    first: datetime
    ids: dict[str, str] = field(default_factory=dict)
    moments: dict[str, timedelta] = field(default_factory=dict)

    def __post_init__(self) -> None:
        order_id = self.order_id
        lines = {line_id(order_id, place): f"line-{place}" for place in range(MOST_LINES)}
        self._names = {payment_id(order_id): "payment", shipment_id(order_id): "shipment", **lines}

    def cut(self, text: str) -> str:
        """Return the text with `%(name)s` in every place."""
        return _OWN.sub(self._place, text.replace("%", "%%"))

    def _place(self, found: re.Match[str]) -> str:
        text, kind = found.group(), found.lastgroup
        if kind == "id":
            return self._id(UUID(text))
        if kind == "moment":
            return f"%({self.moment(datetime.fromisoformat(f'{text}:00'))})s"
        return f"%({kind})s"

    def _id(self, one: UUID) -> str:
        if one in self.shared:
            return str(one)
        if one in (self.order_id, self.customer_id):
            return "%(order)s" if one == self.order_id else "%(customer)s"
        name = self._names.get(one, str(one))
        self.ids[name] = name
        return f"%({name})s"

    def moment(self, at: datetime) -> str:
        """Return the name of a moment's place."""
        after = at - self.first
        name = f"{after.total_seconds():.6f}"
        self.moments[name] = after
        return name


@dataclass(frozen=True, slots=True)
class Text:
    """A context's part of the pattern: the lines for COPY, by table, and the places in them."""

    columns: Mapping[str, Sequence[str]]
    lines: Mapping[str, str]
    places: Places


@dataclass(frozen=True, slots=True)
class Pattern:
    """A finished order, and the units that it took, by product and warehouse."""

    texts: Mapping[str, Text]
    units: Counter[tuple[UUID, UUID]]
    mails: Sequence[Mapping[str, Any]]
    mail_places: Places


def pattern_of(order_id: UUID) -> Pattern:
    """Read a finished order out of the stores."""
    with looking_into("inventory") as connection:
        units = Counter({(product, place): count for product, place, count in connection.execute(_UNITS, (order_id,))})
    with looking_into("orders") as connection:
        query = "SELECT customer_id, created_at FROM orders WHERE id = %s"
        customer_id, first = connection.execute(query, (order_id,)).fetchone() or (UUID(int=0), datetime.now(UTC))
    shared = frozenset(one for place in units for one in place)

    def places() -> Places:
        return Places(order_id, customer_id, shared, first)

    texts = {context: _text(context, order_id, places()) for context in TABLES}
    mail_places = places()
    return Pattern(texts, units, _mails(order_id, mail_places), mail_places)


def _text(context: str, order_id: UUID, places: Places) -> Text:
    columns: dict[str, Sequence[str]] = {}
    lines = {}
    with looking_into(context) as connection:
        connection.execute("SET LOCAL TIME ZONE 'UTC'")
        for table, key in TABLES[context].items():
            named_columns = [name for (name,) in connection.execute(_COLUMNS, (table,)) if name not in LEFT_OUT]
            columns[table] = named_columns
            wanted = shipment_id(order_id) if key == "shipment_id" else order_id
            with connection.cursor().copy(_copy_out(table, named_columns, key, wanted)) as rows:
                lines[table] = places.cut(b"".join(map(bytes, rows)).decode())
    return Text(columns, lines, places)


def _copy_out(table: str, columns: Sequence[str], key: str, wanted: UUID) -> Composed:
    listed = SQL(", ").join(map(Identifier, columns))
    query = SQL("COPY (SELECT {} FROM {} WHERE {} = {}) TO STDOUT")
    return query.format(listed, Identifier(table), Identifier(key), str(wanted))


def copy_in(table: str, columns: Sequence[str]) -> Composed:
    """Return the statement that takes a table's lines."""
    return SQL("COPY {} ({}) FROM STDIN").format(Identifier(table), SQL(", ").join(map(Identifier, columns)))


def _mails(order_id: UUID, places: Places) -> list[Mapping[str, Any]]:
    database = notifications_database()
    try:
        found = database["notifications"].find({"metadata.order_id": str(order_id)}, {"_id": 0}).to_list()
    finally:
        database.client.close()
    return [_each(document, places.cut, lambda at: Moment(places.moment(at))) for document in found]


class Moment(str):
    """In a document, the name of a moment's place."""

    __slots__ = ()


def _each(value: Any, text: Callable[[str], Any], moment: Callable[[datetime], Any]) -> Any:
    """Return a document with every text and every moment in it changed."""
    if isinstance(value, dict):
        return {name: _each(one, text, moment) for name, one in value.items()}
    if isinstance(value, list):
        return [_each(one, text, moment) for one in value]
    if isinstance(value, datetime):
        return moment(value)
    return text(value) if isinstance(value, str) else value


def filled(document: Any, values: Values, moments: Mapping[str, datetime]) -> Any:
    """Return a document of the pattern with everything in its place."""
    if isinstance(document, dict):
        return {name: filled(one, values, moments) for name, one in document.items()}
    if isinstance(document, list):
        return [filled(one, values, moments) for one in document]
    if isinstance(document, Moment):
        return moments[document]
    return document % values if isinstance(document, str) else document


def id_in(order_id: UUID, name: str) -> str:
    """Return the id that has this name within an order."""
    return str(part(order_id, name))
