"""Watching the journeys of the drill's orders in coordination's store, often enough to time a recovery by it."""

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from demonstration.outcomes import COMPLETED
from drilling.ledger import Ledger
from drilling.recovery import Recoveries
from persistence.databases import connection_parts

#: Seconds between two looks.
PAUSE = 0.2

# Thousands of ids may be in flight: in binary (%b) they cost a sixth of what they cost as text.
_FINAL = """
    SELECT id, CASE status WHEN 'COMPLETED' THEN %s ELSE coalesce(state->>'reason', 'undone') END
    FROM sagas WHERE id = ANY(%b) AND status IN ('COMPLETED', 'UNDONE')
"""

Connection = psycopg.Connection[TupleRow]


class Watch:
    """Tells the ledger and the recoveries of every order that became final, until cancelled."""

    def __init__(self, ledger: Ledger, recoveries: Recoveries) -> None:
        self._ledger = ledger
        self._recoveries = recoveries
        self._looked_at = time.monotonic()
        # Kept from look to look: a new one costs more than the look itself.
        self._connection: Connection | None = None

    async def run(self) -> None:
        """Look for ever; while coordination's database is away, nothing becomes final."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(PAUSE)
        finally:
            self._hang_up()

    async def _look(self) -> None:
        began = time.monotonic()
        try:
            final = await asyncio.to_thread(self._final, list(self._ledger.in_flight))
        except psycopg.Error:
            self._hang_up()
        else:
            self._note(final)
            self._looked_at = began

    def _note(self, final: Sequence[tuple[UUID, str]]) -> None:
        accepted = [(self._ledger.finish(order_id, outcome), outcome) for order_id, outcome in final]
        completed = [at for at, outcome in accepted if outcome == COMPLETED]
        if completed:
            self._recoveries.completed(self._looked_at, time.monotonic(), max(completed))

    def _final(self, ids: Sequence[UUID]) -> list[tuple[UUID, str]]:
        if not ids:
            return []
        if self._connection is not None:
            try:
                return _ask(self._connection, ids)
            except psycopg.OperationalError:
                self._hang_up()  # the server ended it since the last look: it may well take a new one at once
        self._connection = _connect()
        return _ask(self._connection, ids)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connect() -> Connection:
    parts = connection_parts("coordination")
    connection = psycopg.connect(**parts, application_name="first-viscount/drill", autocommit=True)
    connection.read_only = True
    return connection


def _ask(connection: Connection, ids: Sequence[UUID]) -> list[tuple[UUID, str]]:
    return connection.execute(_FINAL, (COMPLETED, list(ids))).fetchall()
