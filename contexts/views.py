"""Views: what a context shows of itself to readers, kept in Redis for a while."""

from dataclasses import dataclass
from typing import Any

#: Seconds that a view of something final, or of something that is written through, is kept.
AN_HOUR = 3600

#: Seconds that a view of something under way is kept: it is out of date soon, and polling must not reach the database.
A_MOMENT = 1


@dataclass(frozen=True, slots=True)
class View:
    """One part of a read model, e.g. the `stock` part of `product:{id}`. A lower version never replaces a higher."""

    model: str
    identity: str
    part: str
    version: int
    body: dict[str, Any]
    keep_seconds: int = AN_HOUR
