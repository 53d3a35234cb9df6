"""Journeys in PostgreSQL: the saga's state, the workflow an operator sees, and the audit trail of every transition."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from contexts.coordination.definitions import SAGAS, Definitions
from contexts.coordination.journey import Journey
from contexts.coordination.journeys import Journeys, journeys_of
from contexts.coordination.messages import SweepDeadlines
from contexts.coordination.transitions import FINAL
from contexts.messages import JourneyEvent, Message
from contexts.orders.messages import OrderPlaced
from persistence import setwise
from persistence.early_cancellations import EarlyCancellations
from persistence.found import Found
from persistence.journey_rows import event_rows, restored, saga_change, saga_row, workflow_change, workflow_row
from persistence.memory import Memory
from persistence.tables.coordination import sagas, workflow_events, workflows

#: Overdue journeys that one sweep looks after, and journeys not due yet that it puts off.
OVERDUE_AT_ONCE, POSTPONED_AT_ONCE = 500, 1_000

_SAGAS = """
    SELECT id, saga_type, definition_version, state, status, due_at, version, step_started_at, stuck_since
    FROM sagas
"""
_BY_ID = "WHERE id = ANY(%s) ORDER BY id"
_LOCKED_BY_ID = f"{_BY_ID} FOR UPDATE"

_UNFINISHED = "status IN ('RUNNING', 'COMPENSATING', 'STUCK')"
# `look_at`, which is indexed, is never later than `due_at` and moves on only here: a step that rewrites no indexed
# column is cheap.
_NEVER_LATER = "look_at = least(old.look_at, new.due_at)"
_POSTPONE = f"""
    UPDATE sagas SET look_at = due_at WHERE id IN (
        SELECT id FROM sagas WHERE {_UNFINISHED} AND look_at <= %(at)s AND due_at > %(at)s
        ORDER BY look_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""
# While a new definition is being rolled out, workers that do not know it yet leave its journeys to those that do.
_OVERDUE = f"""
    WHERE {_UNFINISHED} AND look_at <= %s AND due_at <= %s
      AND (saga_type, definition_version) IN (SELECT * FROM unnest(%s::text[], %s::int[]))
    ORDER BY look_at LIMIT %s FOR UPDATE SKIP LOCKED
"""

# What a journey is about never changes and stays in its workflow; that one is written only under the lock of its saga.
_WORKFLOWS = "SELECT id, context, completed_at FROM workflows WHERE id = ANY(%s)"

#: Lines of the orders of all journeys that a worker remembers, at most. More gained nothing, and takes memory.
MOST_LINES = 4_000

#: The journeys under way that this process took a step of.
JOURNEYS = Memory[Journey](MOST_LINES, lambda journey: len(journey.order.lines))


class JourneyTables(Journeys):
    """The journeys that a batch of messages is about, within one transaction."""

    def __init__(
        self,
        connection: Connection[Any],
        definitions: Definitions = SAGAS,
        memory: Memory[Journey] = JOURNEYS,
    ) -> None:
        super().__init__(definitions)
        self._memory = memory
        self._found = Found(sagas, self.journeys, memory, lambda journey: (journey.version,))
        self._connection = connection
        self._early = EarlyCancellations(connection)

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Recall, or lock and load, journeys that are answered; lock and load those wished otherwise, or overdue."""
        self._early.prefetch(messages, self.early_cancellations)
        for message in messages:
            if isinstance(message, SweepDeadlines):
                self._take_overdue(message.at)
        first: set[UUID] = set()
        then: set[UUID] = set()
        for message in messages:
            ids = list(journeys_of(message, self.definitions))
            first.update(ids[:1])
            then.update(ids[1:])
        if all(isinstance(message, JourneyEvent) for message in messages):
            first = self._found.recall(first)
        # An order's return is looked for once the journey that places it is locked: whoever held the lock may have
        # begun it, and a statement sees only what was committed when it started.
        for wanted in (first, then):
            if wanted:
                self._take(_LOCKED_BY_ID, list(wanted))

    def look_at(self, message: Message) -> None:
        """Load the journeys that a message is about as they stand, without a lock: for questions only."""
        self._take(_BY_ID, list(journeys_of(message, self.definitions)))

    def flush(self) -> None:
        """Write new and changed journeys, what operators see of them, and their audit trail."""
        new = self._found.new
        # First: what was remembered and is out of date may have begun what others began already.
        changed = self._found.update(self._connection, saga_change, _NEVER_LATER)
        setwise.insert(self._connection, sagas, [saga_row(journey) for journey in new])
        setwise.insert(self._connection, workflows, [workflow_row(journey) for journey in new])
        setwise.update(self._connection, workflows, [workflow_change(journey) for journey in changed])
        events = [row for journey in self.journeys.values() for row in event_rows(journey)]
        setwise.insert(self._connection, workflow_events, events)
        self._early.flush(self.early_cancellations)

    @property
    def remembers(self) -> bool:
        """Whether something was not read, but remembered."""
        return self._found.has_recalled

    def committed(self) -> None:
        """Remember the journeys as they are stored now."""
        for journey in self.journeys.values():
            journey.history.clear()
        self._found.committed(lambda journey: not journey.is_final)

    def _take_overdue(self, at: datetime) -> None:
        self._connection.execute(_POSTPONE.encode(), {"at": at, "limit": POSTPONED_AT_ONCE})
        names, versions = zip(*((saga.name, saga.version) for saga in self.definitions), strict=True)
        self._take(_OVERDUE, at, at, list(names), list(versions), OVERDUE_AT_ONCE)

    def _take(self, condition: str, *parameters: Any) -> None:
        cursor = self._connection.cursor(row_factory=dict_row)
        rows = cursor.execute((_SAGAS + condition).encode(), parameters).fetchall()
        orders = {row["id"]: known.order for row in rows if (known := self._memory.peek(row["id"]))}
        ended: dict[UUID, datetime | None] = {}
        unknown = [row["id"] for row in rows if row["id"] not in orders or row["status"] in FINAL]
        if unknown:
            for workflow in cursor.execute(_WORKFLOWS, (unknown,)):
                orders[workflow["id"]] = OrderPlaced.model_validate(workflow["context"])
                ended[workflow["id"]] = workflow["completed_at"]
        for row in rows:
            one = row["id"]
            # A saga that lost its workflow is no journey: it must not stop those that come with it.
            if one in orders:
                self._found.take(one, restored(row, orders[one], ended.get(one), self.definitions))
