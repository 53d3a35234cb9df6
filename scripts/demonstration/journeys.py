"""Watching the journeys of this run's orders in coordination's store."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import psycopg

from demonstration.databases import looking_into
from demonstration.outcomes import COMPLETED
from demonstration.tally import Tally

#: Seconds between two looks, at least; a slow look makes the next one wait the longer.
PAUSE = 1.0

#: Share of the time that looking may take.
SHARE = 0.2

#: Seconds without a final order after which it is looked whether journeys move at all.
QUIET = 5.0

_FINAL = """
    SELECT id, CASE status WHEN 'COMPLETED' THEN %s ELSE coalesce(state->>'reason', 'undone') END, updated_at
    FROM sagas WHERE id = ANY(%s) AND status IN ('COMPLETED', 'UNDONE')
"""
_PROGRESS = "SELECT coalesce(sum(version), 0)::int FROM sagas WHERE id = ANY(%s)"
_HANGING = "SELECT id, status, current_step, version, updated_at FROM sagas WHERE id = ANY(%s)"
_UNDER_WAY = "SELECT count(*), coalesce(sum(version), 0)::int FROM sagas WHERE status IN ('RUNNING', 'COMPENSATING')"


class Watch:
    """Tells the tally of every order that became final."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._progress = 0

    async def run(self) -> None:
        """Look until every order is final."""
        while not self._tally.is_over:
            began = time.monotonic()
            # While coordination's database is away nothing moves; when that lasts, the run is given up.
            with suppress(psycopg.Error):
                await self.look()
            await asyncio.sleep(max(PAUSE, (time.monotonic() - began) / SHARE) if not self._tally.is_over else 0)

    async def look(self) -> None:
        """Look once; raises `psycopg.Error`."""
        in_flight = self._tally.in_flight
        for order_id, outcome, at in await asyncio.to_thread(_final, in_flight):
            self._tally.finish(order_id, outcome, at)
        if time.monotonic() - self._tally.moved_at > QUIET:
            progress = await asyncio.to_thread(_progress, self._tally.in_flight)
            if progress != self._progress:
                self._progress = progress
                self._tally.moved()


def _final(ids: Sequence[UUID]) -> list[tuple[UUID, str, datetime]]:
    with looking_into("coordination") as connection:
        return connection.execute(_FINAL, (COMPLETED, list(ids))).fetchall()


def _progress(ids: Sequence[UUID]) -> int:
    with looking_into("coordination") as connection:
        row = connection.execute(_PROGRESS, (list(ids),)).fetchone()
        return int(row[0]) if row else 0


def under_way() -> tuple[int, int]:
    """Return how many journeys of anybody's are not final, and a number that grows as they move."""
    with looking_into("coordination") as connection:
        row = connection.execute(_UNDER_WAY).fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)


def hanging(ids: Sequence[UUID]) -> list[str]:
    """Return a sentence for each order that is not final: where it hangs, and what lies in the dead letters."""
    with looking_into("coordination") as connection:
        sagas = {row[0]: row[1:] for row in connection.execute(_HANGING, (list(ids),)).fetchall()}
    dead = _dead_letters(ids)
    sentences = []
    for order_id in ids:
        saga = sagas.get(order_id)
        where = "has no journey yet" if saga is None else f"is {saga[0]} at {saga[1]} since {saga[3]:%H:%M:%S} UTC"
        sentences.append(f"order {order_id} {where}{dead.get(order_id, '')}")
    return sentences


def _dead_letters(ids: Sequence[UUID]) -> dict[UUID, str]:
    query = "SELECT correlation_id, message_type, error FROM dead_letters WHERE correlation_id = ANY(%s)"
    found: dict[UUID, str] = {}
    for context in ("coordination", "inventory", "orders", "delivery"):
        with looking_into(context) as connection:
            for order_id, kind, error in connection.execute(query, (list(ids),)).fetchall():
                found[order_id] = found.get(order_id, "") + f"; {kind} is dead in {context}: {error[:200]}"
    return found
