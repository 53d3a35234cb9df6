"""Delivering every message of an order twice: while the first delivery is at work, and long after it was done.

A lock on a context's inbox lets a delivery begin and not end: what is delivered meanwhile comes before the step is
done, every time. The notifications have no inbox to lock like that: there both deliveries come at once.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from persistence.databases import POSTGRESQL_CONTEXTS, url_variable
from tests.persistence.virtual_host import eventually

from .journal import Entry, deliver, entries
from .platform import Platform


@dataclass
class Gate:
    """A context's inbox, which nobody can enter while the gate is shut."""

    context: str
    connection: psycopg.Connection[Any]

    def shut(self) -> None:
        """Wait until nobody is entering, then let nobody enter."""
        self.connection.execute("LOCK TABLE inbox IN EXCLUSIVE MODE")

    def open(self) -> None:
        """Let whoever waits enter."""
        self.connection.commit()

    def is_besieged(self) -> bool:
        """Tell whether a delivery waits in front of it."""
        waiting = "SELECT 1 FROM pg_locks WHERE relation = 'inbox'::regclass AND NOT granted LIMIT 1"
        return self.connection.execute(waiting).fetchone() is not None


@contextmanager
def gates(platform: Platform) -> Iterator[list[Gate]]:
    """A shut gate for each context that has an inbox in PostgreSQL; all are open at the end."""
    with ExitStack() as stack:
        made = [
            Gate(context, stack.enter_context(psycopg.connect(platform.variables[url_variable(context)])))
            for context in POSTGRESQL_CONTEXTS
        ]
        for gate in made:
            gate.shut()
        yield made


@dataclass
class Doubling:
    """Gives every delivery a companion while it waits in front of a gate."""

    platform: Platform
    correlation_ids: list[UUID]
    from_outside: list[Entry] = field(default_factory=list)
    doubled: set[tuple[str, UUID]] = field(default_factory=set)

    def run(self, begin: Callable[[], list[Entry]], is_over: Callable[[], bool], seconds: float) -> None:
        """Begin the orders, and go on until they are over; fails after so many seconds."""
        deadline = time.monotonic() + seconds
        with gates(self.platform) as shut:
            self.from_outside = begin()
            while not is_over():
                assert time.monotonic() < deadline, f"not over within {seconds} s, doubled {len(self.doubled)}"
                for gate in shut:
                    if gate.is_besieged():
                        self._let_in(gate)
                self._double(self._new("notifications."))

    def _let_in(self, gate: Gate) -> None:
        self._double(self._new(f"{gate.context}."))
        gate.open()
        gate.shut()

    def _new(self, actors: str) -> list[Entry]:
        known = [*self.from_outside, *entries(self.platform, self.correlation_ids)]
        return [
            one
            for one in known
            if one.destination.actor.startswith(actors) and (one.destination.actor, one.identity) not in self.doubled
        ]

    def _double(self, deliveries: list[Entry]) -> None:
        """Deliver once more, each twice in its envelope; return when all are in workers' hands."""
        if not deliveries:
            return
        self.doubled |= {(one.destination.actor, one.identity) for one in deliveries}
        deliver(self.platform, deliveries, copies=2)
        queues = {one.destination.queue for one in deliveries}
        eventually(lambda: not any(map(self.platform.host.ready, queues)))
