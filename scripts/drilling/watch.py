"""Watching the journeys of the drill's orders in coordination's store, often enough to time a recovery by it."""

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

import psycopg

from demonstration.databases import looking_into
from demonstration.outcomes import COMPLETED
from drilling.ledger import Ledger
from drilling.recovery import Recoveries

#: Seconds between two looks.
PAUSE = 0.2

_FINAL = """
    SELECT id, CASE status WHEN 'COMPLETED' THEN %s ELSE coalesce(state->>'reason', 'undone') END
    FROM sagas WHERE id = ANY(%s) AND status IN ('COMPLETED', 'UNDONE')
"""


class Watch:
    """Tells the ledger and the recoveries of every order that became final, until cancelled."""

    def __init__(self, ledger: Ledger, recoveries: Recoveries) -> None:
        self._ledger = ledger
        self._recoveries = recoveries
        self._looked_at = time.monotonic()

    async def run(self) -> None:
        """Look for ever; while coordination's database is away, nothing becomes final."""
        while True:
            began = time.monotonic()
            try:
                final = await asyncio.to_thread(_final, list(self._ledger.in_flight))
            except psycopg.Error:
                final = []
            else:
                self._note(final)
                self._looked_at = began
            await asyncio.sleep(PAUSE)

    def _note(self, final: Sequence[tuple[UUID, str]]) -> None:
        accepted = [(self._ledger.finish(order_id, outcome), outcome) for order_id, outcome in final]
        completed = [at for at, outcome in accepted if outcome == COMPLETED]
        if completed:
            self._recoveries.completed(self._looked_at, time.monotonic(), max(completed))


def _final(ids: Sequence[UUID]) -> list[tuple[UUID, str]]:
    if not ids:
        return []
    with looking_into("coordination") as connection:
        return connection.execute(_FINAL, (COMPLETED, list(ids))).fetchall()
