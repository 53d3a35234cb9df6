"""One look at many orders: slice after slice, everything that stores and providers say of each."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from auditing import providers, waiting
from auditing.facts import FactsByOrder, OrderFacts
from auditing.slices import FIRST, LAST, Slice, above
from auditing.spool import Spool, spool
from auditing.stores import Stores, looking
from operations.stores import named

#: Rows of one table that one slice has, about; what a look keeps in memory grows with it.
ROWS = 4_000

#: Where orders are named: context, and how to find the names from one on.
_NAMED_IN = (
    ("orders", "SELECT id FROM orders WHERE id >= %(first)s ORDER BY id"),
    ("coordination", "SELECT associated_id::uuid FROM sagas WHERE associated_id >= %(text)s ORDER BY associated_id"),
    ("inventory", "SELECT order_id FROM inventory_reservations WHERE order_id >= %(first)s ORDER BY order_id"),
    (
        "inventory",
        """SELECT reference_id FROM inventory_movements WHERE reference_type = 'ORDER' AND reference_id >= %(first)s
           ORDER BY reference_type, reference_id""",
    ),
    ("inventory", "SELECT order_id FROM released_orders WHERE order_id >= %(first)s ORDER BY order_id"),
    ("delivery", "SELECT order_id FROM shipments WHERE order_id >= %(first)s ORDER BY order_id"),
)
_SINCE = (
    ("orders", "SELECT id FROM orders WHERE created_at >= %(since)s AND id >= %(first)s ORDER BY id LIMIT %(rows)s"),
    (
        "coordination",
        """SELECT id FROM workflows WHERE created_at >= %(since)s AND id >= %(first)s AND workflow_type = 'place_order'
           ORDER BY id LIMIT %(rows)s""",
    ),
)


@dataclass(frozen=True, slots=True)
class Look:
    """Stores that are open, what the providers had when they were opened, and what could not be asked."""

    stores: Stores
    spool: Spool
    unasked: Sequence[str]
    waiting: frozenset[UUID]

    def everything(self) -> Iterator[Slice]:
        """Yield all orders that anybody names, in slices of about so many rows."""
        first: UUID | None = FIRST
        while first is not None:
            last = self._last_of_slice(first)
            yield Slice(first, last)
            first = None if last == LAST else above(last)

    def since(self, moment: datetime) -> Iterator[Slice]:
        """Yield the orders that were placed, or whose journeys began, at or after a moment."""
        first = FIRST
        while True:
            parameters = {"since": moment, "first": first, "rows": ROWS // 2}
            self.stores.renew()
            listed = [[one for (one,) in self.stores.rows(name, sql.encode(), parameters)] for name, sql in _SINCE]
            ids = sorted(set().union(*listed))[: ROWS // 2]
            if not ids:
                return
            yield Slice.of(ids)
            first = above(ids[-1])

    def facts(self, part: Slice) -> list[OrderFacts]:
        """Return what everybody says of the orders of a slice."""
        found = FactsByOrder({order_id: OrderFacts(order_id) for order_id in part.ids or ()})
        self.stores.read(part, found)
        self._add_providers(part, found)
        for order_id in found.keys() & self.waiting:
            found[order_id].waits = True
        return list(found.values())

    def _add_providers(self, part: Slice, found: FactsByOrder) -> None:
        """Add what the providers had. An order that only they know is one where money or a parcel is at stake."""
        mails = self.spool.mails(part)
        for facts in found.values():
            facts.charges = [] if "charges" in self.spool.known else None
            facts.labels = [] if "labels" in self.spool.known else None
            facts.mails = mails.get(facts.order_id, Counter()) if "mails" in self.spool.known else None
        for order_id, charge in self.spool.charges(part):
            if order_id in found or charge.is_alive:
                facts = found[order_id]
                facts.charges = [*(facts.charges or ()), charge]
        for order_id, label in self.spool.labels(part):
            if order_id in found or label.is_alive:
                facts = found[order_id]
                facts.labels = [*(facts.labels or ()), label]

    def _last_of_slice(self, first: UUID) -> UUID:
        self.stores.renew()
        parameters = {"first": first, "text": str(first), "rows": ROWS}
        ends = [self.spool.nth(table, first, ROWS) for table in ("charges", "labels")]
        ends.append(self._nth_notification(first))
        for context, query in _NAMED_IN:
            ends += [
                end for (end,) in self.stores.rows(context, f"{query} LIMIT 1 OFFSET %(rows)s".encode(), parameters)
            ]
        return min((end for end in ends if end is not None), default=LAST)

    def _nth_notification(self, first: UUID) -> UUID | None:
        with named("notifications"):
            above_first = {"metadata.order_id": {"$gte": str(first)}}
            cursor = self.stores.documents["notifications"].find(above_first, {"metadata": 1})
            found = cursor.sort("metadata.order_id").skip(ROWS).limit(1).to_list()
        return UUID(found[0]["metadata"]["order_id"]) if found else None


@contextmanager
def look(ids: Sequence[UUID] | None = None) -> Iterator[Look]:
    """Open stores and providers for a look at all orders, or at these; raises `ServerAway`."""
    wanted = providers.Everything() if ids is None else {str(order_id) for order_id in ids}
    with looking() as stores, spool() as put_aside:
        unasked = providers.fill(put_aside, wanted)
        yield Look(stores, put_aside, unasked, waiting.orders(stores))
