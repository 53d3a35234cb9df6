"""Journeys in PostgreSQL: the saga's state, the workflow an operator sees, and the audit trail of every transition."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from contexts.coordination.definitions import SAGAS, Definitions
from contexts.coordination.journeys import Journeys, journeys_of
from contexts.coordination.messages import SweepDeadlines
from contexts.messages import Message
from persistence import setwise
from persistence.early_cancellations import EarlyCancellations
from persistence.journey_rows import event_row, restored, saga_change, saga_row, workflow_change, workflow_row
from persistence.tables.coordination import sagas, workflow_events, workflows

#: Overdue journeys that one sweep looks after.
OVERDUE_AT_ONCE = 500

# What the journey is about never changes and stays in the workflow's context: a step rewrites only the small saga row.
_JOURNEYS = """
    SELECT s.id, s.saga_type, s.definition_version, s.state, s.status, s.due_at, s.version, s.step_started_at,
           s.stuck_since, w.context, w.completed_at
    FROM sagas s JOIN workflows w ON w.id = s.id
"""
# While a new definition is being rolled out, workers that do not know it yet leave its journeys to those that do.
_OVERDUE = """
    WHERE s.status IN ('RUNNING', 'COMPENSATING', 'STUCK') AND s.due_at <= %s
      AND (s.saga_type, s.definition_version) IN (SELECT * FROM unnest(%s::text[], %s::int[]))
    ORDER BY s.due_at LIMIT %s FOR UPDATE OF s, w SKIP LOCKED
"""
_BY_ID = "WHERE s.id = ANY(%s) ORDER BY s.id"
# Both rows: after a wait PostgreSQL reads anew only what it locked, and the workflow would be the one from before.
_LOCKED_BY_ID = f"{_BY_ID} FOR UPDATE OF s, w"


class JourneyTables(Journeys):
    """The journeys that a batch of messages is about, within one transaction."""

    def __init__(self, connection: Connection[Any], definitions: Definitions = SAGAS) -> None:
        super().__init__(definitions)
        self._connection = connection
        self._stored: dict[UUID, int] = {}
        self._early = EarlyCancellations(connection)

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Lock and load the journeys that are answered, wished otherwise, or overdue."""
        self._early.prefetch(messages, self.early_cancellations)
        for message in messages:
            if isinstance(message, SweepDeadlines):
                names, versions = zip(*((saga.name, saga.version) for saga in self.definitions), strict=True)
                self._take(_OVERDUE, message.at, list(names), list(versions), OVERDUE_AT_ONCE)
        first: set[UUID] = set()
        then: set[UUID] = set()
        for message in messages:
            ids = list(journeys_of(message, self.definitions))
            first.update(ids[:1])
            then.update(ids[1:])
        # An order's return is looked for once the journey that places it is locked: whoever held the lock may have
        # begun it, and a statement sees only what was committed when it started.
        for wanted in (first, then):
            if wanted:
                self._take(_LOCKED_BY_ID, sorted(wanted))

    def look_at(self, message: Message) -> None:
        """Load the journeys that a message is about as they stand, without a lock: for questions only."""
        self._take(_BY_ID, list(journeys_of(message, self.definitions)))

    def flush(self) -> None:
        """Write new and changed journeys, what operators see of them, and their audit trail."""
        new = {one: journey for one, journey in self.journeys.items() if one not in self._stored}
        changed = {
            one: journey
            for one, journey in self.journeys.items()
            if self._stored.get(one, journey.version) != journey.version
        }
        setwise.insert(self._connection, sagas, [saga_row(*item) for item in new.items()])
        setwise.insert(self._connection, workflows, [workflow_row(*item) for item in new.items()])
        setwise.update(self._connection, sagas, [saga_change(*item) for item in changed.items()])
        setwise.update(self._connection, workflows, [workflow_change(*item) for item in changed.items()])
        events = [event_row(one, event) for one, journey in self.journeys.items() for event in journey.history]
        setwise.insert(self._connection, workflow_events, events)
        self._early.flush(self.early_cancellations)

    def _take(self, condition: str, *parameters: Any) -> None:
        cursor = self._connection.cursor(row_factory=dict_row)
        rows: Sequence[Mapping[str, Any]] = cursor.execute((_JOURNEYS + condition).encode(), parameters).fetchall()
        for row in rows:
            self.journeys[row["id"]] = restored(row, self.definitions)
            self._stored[row["id"]] = row["version"]
