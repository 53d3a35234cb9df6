"""Which orders are looked at in one go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Slice:
    """Orders with ids from `first` to `last`, both included; only those of `ids` where that is not None."""

    first: UUID = FIRST
    last: UUID = LAST
    ids: tuple[UUID, ...] | None = None

    @classmethod
    def of(cls, ids: Sequence[UUID]) -> "Slice":
        """Return the slice of exactly these orders."""
        return cls(ids=tuple(ids))

    def query(self, statement: str) -> bytes:
        """Return SQL with the condition where it says `column IN SLICE`, or `column IN TEXT SLICE` for ids as text."""
        plain, text = "BETWEEN %(first)s AND %(last)s", "BETWEEN %(first_text)s AND %(last_text)s"
        if self.ids is not None:
            plain, text = "= ANY(%(ids)s)", "= ANY(%(ids_text)s)"
        return statement.replace("IN TEXT SLICE", text).replace("IN SLICE", plain).encode()

    @property
    def parameters(self) -> dict[str, Any]:
        """Return what the conditions name."""
        if self.ids is not None:
            return {"ids": list(self.ids), "ids_text": list(map(str, self.ids))}
        ends = {"first": self.first, "last": self.last}
        return {**ends, **{f"{name}_text": str(end) for name, end in ends.items()}}

    @property
    def document_condition(self) -> dict[str, Any]:
        """Return the condition on an id that MongoDB has as a string."""
        if self.ids is not None:
            return {"$in": list(map(str, self.ids))}
        return {"$gte": str(self.first), "$lte": str(self.last)}


def above(order_id: UUID) -> UUID:
    """Return the next id."""
    return UUID(int=order_id.int + 1)
