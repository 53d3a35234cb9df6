"""Cancellations that came before their orders, in PostgreSQL: none is missed by an order that is placed meanwhile."""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from contexts.coordination.journeys import EarlyCancellation
from contexts.coordination.messages import CancelOrder
from contexts.messages import Message
from contexts.orders.messages import OrderPlaced, OrderRejected
from persistence import setwise
from persistence.tables.coordination import early_cancellations

# A cancellation looks for the journey and leaves a row if there is none; an order looks for the row and begins the
# journey if there is none. In READ COMMITTED neither sees what the other has not committed, so that looking alone would
# let both miss each other. The table's lock sets one before the other. Taking rows (ROW EXCLUSIVE) holds back a
# cancellation without a journey (SHARE ROW EXCLUSIVE) until the journey is committed; a cancellation that has the lock
# holds back the taking until its row is committed. A statement that waits for a table's lock sees what was committed
# when it got it, and what a cancellation reads next is a statement of its own. Orders do not hold back each other, nor
# does a reader or a dump hold back anybody.
# The lock comes before those of journeys, everywhere: nobody waits for it who holds one.
_TAKE = "DELETE FROM early_cancellations WHERE order_id = ANY(%s) RETURNING order_id, reason, at"
_KNOWN = "SELECT id FROM sagas WHERE id = ANY(%s)"
_HOLD_BACK_ORDERS = "LOCK TABLE early_cancellations IN SHARE ROW EXCLUSIVE MODE"

Waiting = MutableMapping[UUID, EarlyCancellation]


class EarlyCancellations:
    """The early cancellations that a batch of messages is about, within one transaction."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def prefetch(self, messages: Sequence[Message], waiting: Waiting) -> None:
        """Take what waits for orders that are placed or rejected into `waiting`; before any journey is locked."""
        ended = {message.order_id for message in messages if isinstance(message, OrderPlaced | OrderRejected)}
        if ended:
            for order_id, reason, at in self._connection.execute(_TAKE, (sorted(ended),)):
                waiting[order_id] = EarlyCancellation(reason, at)
        cancelled = {message.order_id for message in messages if isinstance(message, CancelOrder)}
        if cancelled and len(self._connection.execute(_KNOWN, (sorted(cancelled),)).fetchall()) < len(cancelled):
            self._connection.execute(_HOLD_BACK_ORDERS)

    def flush(self, waiting: Mapping[UUID, EarlyCancellation]) -> None:
        """Write what goes on waiting; a second cancellation of an order leaves the first as it is."""
        rows = [{"order_id": one, "reason": early.reason, "at": early.at} for one, early in waiting.items()]
        setwise.insert(self._connection, early_cancellations, rows, keep_existing=True)
