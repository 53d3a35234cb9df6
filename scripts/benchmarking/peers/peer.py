"""What a peer is to the benchmark."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path


def _no_server(_: Path, __: Mapping[str, str]) -> AbstractContextManager[Mapping[str, str]]:
    return nullcontext({})


def _nothing() -> None:
    """Most peers leave nothing outside their databases."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer's processes, each a module with arguments.

    `workers` tell when they are ready, then `starters` begin together with the first order. `databases` are those that
    its engine needs for itself. `server` runs one that the project does not have, in a directory and with variables in
    its environment, and gives the variables that tell where it is; `clean` removes what a run leaves behind outside of
    its databases. `distributions` are the packages it consists of. `orders_at_most` keeps a round of a slow one to
    about a minute: it takes the first so many.
    """

    name: str
    distributions: tuple[str, ...]
    starters: tuple[tuple[str, ...], ...]
    workers: tuple[tuple[str, ...], ...] = ()
    databases: tuple[str, ...] = ()
    server: Callable[[Path, Mapping[str, str]], AbstractContextManager[Mapping[str, str]]] = _no_server
    clean: Callable[[], None] = _nothing
    orders_at_most: int | None = None
