"""Lists of UUIDs travel to PostgreSQL in its binary form.

psycopg makes a list value by value, with its types looked up anew; PostgreSQL reads the text of a UUID digit by digit,
which takes it ten times as long.
"""

from struct import Struct
from typing import Any
from uuid import UUID

from psycopg import Connection, postgres
from psycopg.abc import Buffer, DumperKey, PyFormat
from psycopg.pq import Format
from psycopg.types.array import ListDumper

_UUID = postgres.types["uuid"]

#: Dimensions, whether there are NULLs (PostgreSQL sees for itself), the elements' type, how many, the first's number.
_HEAD = Struct(">iiIii")

#: The lengths that stand before an element, and in the place of a NULL.
_LENGTH, _NULL = (16).to_bytes(4, "big"), (-1).to_bytes(4, "big", signed=True)


class _UuidListDumper(ListDumper):
    format = Format.BINARY
    oid = _UUID.array_oid

    def dump(self, obj: list[UUID | None]) -> Buffer:
        elements = [_NULL if one is None else _LENGTH + one.int.to_bytes(16, "big") for one in obj]
        return _HEAD.pack(1, 0, _UUID.oid, len(obj), 1) + b"".join(elements)


class _ListDumper(ListDumper):
    """psycopg's own, but for lists of UUIDs, which are told by their first element."""

    def get_key(self, obj: list[Any], format: PyFormat) -> DumperKey:
        if obj and type(obj[0]) is UUID:
            return (self.cls, _UuidListDumper)
        return super().get_key(obj, format)

    def upgrade(self, obj: list[Any], format: PyFormat) -> ListDumper:
        if obj and type(obj[0]) is UUID:
            return _UuidListDumper(self.cls, self._tx)
        return super().upgrade(obj, format)  # type: ignore[return-value]


def adapt(connection: Connection[Any]) -> None:
    """Have a connection send lists of UUIDs so."""
    connection.adapters.register_dumper(list, _ListDumper)
