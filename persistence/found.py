"""The things of one transaction that were stored before: remembered or read, and written only as they were found."""

from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from psycopg import Connection
from sqlalchemy import Table

from persistence import setwise
from persistence.memory import Memory


class Identified(Protocol):
    """What is a row of its table under its own id."""

    @property
    def id(self) -> UUID: ...


Thing = TypeVar("Thing", bound=Identified)


class Found(Generic[Thing]):
    """What of `things`, a repository's collection, was stored when the transaction began, and with which version.

    `version` gives the values of the columns `versioned`, of which one changes whenever a row does.
    """

    def __init__(
        self,
        table: Table,
        things: MutableMapping[UUID, Thing],
        memory: Memory[Thing],
        version: Callable[[Thing], tuple[Any, ...]],
        versioned: tuple[str, ...] = ("version",),
    ) -> None:
        self._table = table
        self._things = things
        self._memory = memory
        self._version = version
        self._versioned = versioned
        self._versions: dict[UUID, tuple[Any, ...]] = {}
        self._recalled: set[UUID] = set()

    def recall(self, wanted: Iterable[UUID]) -> set[UUID]:
        """Take what is remembered of these; return the others, which are to be read, and locked."""
        unknown = set(wanted) - self._things.keys()
        for one, thing in self._memory.take(unknown).items():
            self.take(one, thing)
            self._recalled.add(one)
        return unknown - self._recalled

    def take(self, one: UUID, thing: Thing) -> None:
        """Take what was read, under the lock of its row."""
        self._things[one] = thing
        self._versions[one] = self._version(thing)

    @property
    def has_recalled(self) -> bool:
        """Whether something was not read, but remembered."""
        return bool(self._recalled)

    @property
    def new(self) -> list[Thing]:
        """The things that were not found."""
        return [thing for one, thing in self._things.items() if one not in self._versions]

    def update(
        self, connection: Connection[Any], change: Callable[[Thing], setwise.Row], computed: str = ""
    ) -> list[Thing]:
        """Write what was changed, in the order of ids, and return it.

        Raises `Overtaken` if a thing that was remembered is not any more what is stored, be it changed here or not.
        """
        changed, unchanged = [], []
        for one, version in self._versions.items():
            thing = self._things[one]
            if self._version(thing) != version:
                changed.append((thing, version))
            elif one in self._recalled:
                unchanged.append((thing, version))
        # Rows that were not locked when they were read are locked now: in the order in which reading locks them.
        for pairs in (changed, unchanged):
            pairs.sort(key=lambda pair: pair[0].id.int)
        with self._memory.writing():
            rows = [change(thing) for thing, _ in changed]
            setwise.update(connection, self._table, rows, unchanged=self._columns(changed), computed=computed)
            ids = [thing.id for thing, _ in unchanged]
            setwise.require(connection, self._table, ids, self._columns(unchanged))
        return [thing for thing, _ in changed]

    def committed(self, is_under_way: Callable[[Thing], bool]) -> None:
        """Remember the things that are under way as they are stored now, and forget the others."""
        under_way = {one: thing for one, thing in self._things.items() if is_under_way(thing)}
        self._memory.keep(under_way, self._things.keys() - under_way.keys())

    def _columns(self, found: list[tuple[Thing, tuple[Any, ...]]]) -> dict[str, list[Any]]:
        return {column: [version[place] for _, version in found] for place, column in enumerate(self._versioned)}
