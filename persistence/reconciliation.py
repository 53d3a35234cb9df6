"""The looks of a reconciliation and the discrepancies they found, in PostgreSQL; the same for both of its kinds."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from contexts.reconciliation import FIRST_LOOK, Difference, Reconcile
from persistence.setwise import json_text

logger = logging.getLogger(__name__)

#: Minutes after which a look that nothing is heard of any more (its message is dead) makes way for the clock's next.
FORGOTTEN_MINUTES = 10

#: Days that the outcome of an operator's look is kept.
KEPT_DAYS = 30

_GIVE_UP = """
    UPDATE reconciliations SET finished_at = now(), error = 'nothing was heard of it any more'
    WHERE by_clock AND finished_at IS NULL AND touched_at < now() - make_interval(mins => %s)
"""
_UNDER_WAY = "SELECT 1 FROM reconciliations WHERE by_clock AND finished_at IS NULL"
_LAST = """
    SELECT until, position FROM reconciliations WHERE by_clock AND finished_at IS NOT NULL AND error IS NULL
    ORDER BY until DESC LIMIT 1
"""
_BEGIN = """
    INSERT INTO reconciliations (id, by_clock, since, until, position, started_at, touched_at)
    VALUES (%s, %s, %s, %s, %s, now(), now())
"""
_ADD_UP = """
    UPDATE reconciliations SET ours = ours + %s, theirs = theirs + %s, discovered = discovered + %s,
           mended = mended + %s, touched_at = now()
    WHERE id = %s
"""
_FINISH = """
    UPDATE reconciliations SET finished_at = now(), position = %s, error = %s WHERE id = %s
    RETURNING ours, theirs, discovered, mended
"""
#: Of the clock's looks the last finished one stays, and the last that failed after it.
_PRUNE = """
    DELETE FROM reconciliations WHERE finished_at IS NOT NULL AND id <> %(id)s AND CASE WHEN by_clock
    THEN %(by_clock)s AND (%(done)s OR error IS NOT NULL) ELSE finished_at < now() - make_interval(days => %(days)s) END
"""
_SEEN = SQL(
    """
    INSERT INTO {table} AS old (id, {subject}, order_id, kind, ours, theirs, first_seen, last_seen)
    SELECT id, subject_id, order_id, kind, ours, theirs, now(), now()
    FROM json_to_recordset(%s::json)
         AS new(id uuid, subject_id uuid, order_id uuid, kind text, ours jsonb, theirs jsonb)
    ORDER BY id
    ON CONFLICT (id) DO UPDATE SET ours = excluded.ours, theirs = excluded.theirs, last_seen = excluded.last_seen,
        first_seen = CASE WHEN old.resolved_at IS NULL THEN old.first_seen ELSE excluded.first_seen END,
        resolved_at = NULL
    RETURNING id, first_seen = last_seen
    """
)
_GONE = SQL(
    """
    UPDATE {table} SET resolved_at = now()
    WHERE {subject} = ANY(%s) AND resolved_at IS NULL AND id <> ALL(%s) RETURNING kind, order_id
    """
)


@dataclass(frozen=True, slots=True)
class Look:
    """One pass over the records of both sides. `position`: where it begins in a list that only grows."""

    id: UUID
    by_clock: bool
    since: datetime
    until: datetime
    position: str


class Looks:
    """The looks of one context, within one transaction."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def opened(self, command: Reconcile) -> Look | None:
        """Return the look that a message belongs to, begun by its first; None for one that is over.

        None too for the clock's where its last one is still under way: the next tick makes up for it.
        """
        row = self._connection.execute(
            "SELECT by_clock, since, until, position, finished_at FROM reconciliations WHERE id = %s FOR UPDATE",
            (command.run_id,),
        ).fetchone()
        if row is not None:
            return None if row[4] else Look(command.run_id, *row[:4])
        return self._begun(command) if command.is_first else None

    def add_up(self, look: Look, *, ours: int = 0, theirs: int = 0, discovered: int = 0, mended: int = 0) -> None:
        """Add a page's figures to the look's."""
        self._connection.execute(_ADD_UP, (ours, theirs, discovered, mended, look.id))

    def finish(self, look: Look, position: str, error: str | None = None) -> None:
        """End a look, and forget those that it takes the place of."""
        row = self._connection.execute(_FINISH, (position, error, look.id)).fetchone()
        done = error is None
        self._connection.execute(_PRUNE, {"id": look.id, "by_clock": look.by_clock, "done": done, "days": KEPT_DAYS})
        if error is not None:
            logger.warning("reconciliation from %s to %s ended unfinished: %s", look.since, look.until, error)
        elif row is not None:
            figures = "%s of ours, %s of theirs, %s new differences, %s being mended"
            logger.info(f"reconciled from %s to %s: {figures}", look.since, look.until, *row)

    def _begun(self, command: Reconcile) -> Look | None:
        by_clock, since, position = command.since is None, command.since, ""
        if since is None:
            # Two ticks at once begin one look.
            self._connection.execute("LOCK TABLE reconciliations IN SHARE ROW EXCLUSIVE MODE")
            self._connection.execute(_GIVE_UP, (FORGOTTEN_MINUTES,))
            if self._connection.execute(_UNDER_WAY).fetchone():
                return None
            last = self._connection.execute(_LAST).fetchone()
            since, position = last or (command.until - FIRST_LOOK, "")
        if since >= command.until:
            return None
        look = Look(command.run_id, by_clock, since, command.until, position)
        self._connection.execute(_BEGIN, (look.id, look.by_clock, look.since, look.until, look.position))
        return look


class Discrepancies:
    """The discrepancies of one context, within one transaction; `subject` is `payment` or `shipment`."""

    def __init__(self, connection: Connection[Any], subject: str) -> None:
        self._connection = connection
        self._subject = subject
        names = {"table": Identifier(f"{subject}_discrepancies"), "subject": Identifier(f"{subject}_id")}
        self._seen, self._gone = _SEEN.format(**names), _GONE.format(**names)

    def see(self, found: Sequence[Difference]) -> list[Difference]:
        """Enter what was found; return what was not known before, or was gone meanwhile, each logged once."""
        if not found:
            return []
        rows = {
            one.id: {
                "id": one.id,
                "subject_id": one.subject_id,
                "order_id": one.order_id,
                "kind": one.kind,
                "ours": one.ours,
                "theirs": one.theirs,
            }
            for one in found
        }
        entered = dict(self._connection.execute(self._seen, (json_text(list(rows.values())),)).fetchall())
        new = list({one.id: one for one in found if entered[one.id]}.values())
        for one in new:
            logger.warning(
                "%s of order %s: %s: ours %s, theirs %s", self._subject, one.order_id, one.kind, one.ours, one.theirs
            )
        return new

    def resolve(self, subjects: Sequence[UUID], still: Sequence[Difference]) -> None:
        """Mark as gone what was known of these subjects and is not there any more."""
        gone = self._connection.execute(self._gone, (list(subjects), [one.id for one in still])).fetchall()
        for kind, order_id in gone:
            logger.info("%s of order %s: %s is resolved", self._subject, order_id, kind)
