"""Reading the facts out of the contexts' stores: a statement a table and slice, each store in its own snapshot."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.rows import tuple_row
from pymongo.database import Database

from auditing.facts import (
    EventFact,
    FactsByOrder,
    HoldFact,
    JourneyFact,
    LineFact,
    NotificationFact,
    OrderFact,
    PaymentFact,
    ShipmentFact,
)
from auditing.slices import Slice
from contexts.money import MINOR_DIGITS
from operations.stores import POSTGRESQL_CONTEXTS, Snapshot, named, notifications, reading

_ORDERS = """
    SELECT id, currency, status, rejection_reason, return_reason, return_refusal, total_amount, version, updated_at
    FROM orders WHERE id IN SLICE
"""
_LINES = """
    SELECT i.order_id, o.currency, i.product_id, i.quantity, i.total_price
    FROM order_items i JOIN orders o ON o.id = i.order_id WHERE i.order_id IN SLICE ORDER BY i.id
"""
_EVENTS = """
    SELECT order_id, event_type, sequence, payload FROM order_events WHERE order_id IN SLICE ORDER BY sequence, id
"""
_PAYMENTS = """
    SELECT order_id, currency, id, status, amount, captured_amount, refunded_amount, gateway_transaction_id,
           failure_code, attempts, version
    FROM payments WHERE order_id IN SLICE ORDER BY id
"""
_JOURNEYS = """
    SELECT s.associated_id::uuid, s.saga_type, s.status, s.state->>'reason', s.version, w.status, w.completed_at,
           e.events, coalesce(e.last, 0), s.updated_at
    FROM sagas s LEFT JOIN workflows w ON w.id = s.id
         CROSS JOIN LATERAL (
             SELECT count(*) AS events, max(sequence) AS last FROM workflow_events WHERE workflow_id = s.id
         ) e
    WHERE s.associated_id IN TEXT SLICE ORDER BY s.saga_type, s.id
"""
_SHIPMENTS = """
    SELECT order_id, id, status, tracking_number, version FROM shipments WHERE order_id IN SLICE ORDER BY id
"""
_HOLDS = """
    SELECT order_id, product_id, warehouse_id, quantity, status FROM inventory_reservations
    WHERE order_id IN SLICE ORDER BY product_id, warehouse_id, id
"""
_MOVEMENTS = """
    SELECT reference_id, movement_type, product_id, warehouse_id, sum(quantity)::int FROM inventory_movements
    WHERE reference_type = 'ORDER' AND reference_id IN SLICE GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
_RELEASED = "SELECT order_id FROM released_orders WHERE order_id IN SLICE"


@dataclass(frozen=True, slots=True)
class Databases:
    """Contexts' PostgreSQL databases, open to be read."""

    databases: Mapping[str, Snapshot]

    def rows(
        self, context: str, statement: bytes, parameters: Mapping[str, Any] | None = None
    ) -> Iterator[tuple[Any, ...]]:
        """Ask a context's PostgreSQL database, in the snapshot of the present slice; raises `ServerAway`."""
        with named(context):
            yield from self.databases[context].cursor(row_factory=tuple_row).execute(statement, parameters)

    def renew(self) -> None:
        """Leave the snapshots: what is asked next is of now."""
        for context, connection in self.databases.items():
            with named(context):
                connection.commit()


@dataclass(frozen=True, slots=True)
class Stores(Databases):
    """All contexts' stores, open to be read."""

    documents: Database[dict[str, Any]]

    def read(self, part: Slice, facts: FactsByOrder) -> None:
        """Put everything that the stores say of a slice of orders into its orders' facts.

        Orders are read first: what another store has of an order was told by the orders context before.
        """
        self.renew()
        for fill in (of_orders, _of_coordination, _of_inventory, _of_delivery, _of_notifications):
            fill(self, part, facts)


@contextmanager
def looking() -> Iterator[Stores]:
    """Open all stores; raises `ServerAway`."""
    with looking_into(*POSTGRESQL_CONTEXTS) as opened, notifications() as documents:
        yield Stores(opened.databases, documents)


@contextmanager
def looking_into(*contexts: str) -> Iterator[Databases]:
    """Open some contexts' databases; raises `ServerAway`."""
    with ExitStack() as stack:
        yield Databases({context: stack.enter_context(reading(context)) for context in contexts})


def of_orders(stores: Databases, part: Slice, facts: FactsByOrder) -> None:
    """Put what the orders context says into the orders' facts."""

    def asked(statement: str) -> Iterable[tuple[Any, ...]]:
        return stores.rows("orders", part.query(statement), part.parameters)

    for order_id, currency, status, reason, return_reason, return_refusal, total, version, moved_at in asked(_ORDERS):
        facts[order_id].order = OrderFact(
            status, reason, return_reason, return_refusal, currency, _minor(total, currency), version, moved_at
        )
    for order_id, currency, product_id, quantity, price in asked(_LINES):
        facts[order_id].lines.append(LineFact(product_id, quantity, _minor(price, currency)))
    for order_id, *event in asked(_EVENTS):
        facts[order_id].events.append(EventFact(*event))
    for order_id, currency, payment_id, status, amount, captured, refunded, *others in asked(_PAYMENTS):
        amounts = (_minor(amount, currency), _minor(captured, currency), _minor(refunded, currency))
        facts[order_id].payments.append(PaymentFact(payment_id, status, currency, *amounts, *others))


def _of_coordination(stores: Stores, part: Slice, facts: FactsByOrder) -> None:
    for order_id, *journey in stores.rows("coordination", part.query(_JOURNEYS), part.parameters):
        facts[order_id].journeys.append(JourneyFact(*journey))


def _of_inventory(stores: Stores, part: Slice, facts: FactsByOrder) -> None:
    for order_id, *hold in stores.rows("inventory", part.query(_HOLDS), part.parameters):
        facts[order_id].holds.append(HoldFact(*hold))
    for order_id, kind, product, warehouse, units in stores.rows("inventory", part.query(_MOVEMENTS), part.parameters):
        facts[order_id].moved[kind, product, warehouse] = units
    for (order_id,) in stores.rows("inventory", part.query(_RELEASED), part.parameters):
        facts[order_id].was_released = True


def _of_delivery(stores: Stores, part: Slice, facts: FactsByOrder) -> None:
    for order_id, *shipment in stores.rows("delivery", part.query(_SHIPMENTS), part.parameters):
        facts[order_id].shipments.append(ShipmentFact(*shipment))


def _of_notifications(stores: Stores, part: Slice, facts: FactsByOrder) -> None:
    fields = {"key": 1, "metadata": 1, "status": 1, "message_id": 1, "attempts": 1}
    with named("notifications"):
        wanted = {"metadata.order_id": part.document_condition}
        for one in stores.documents["notifications"].find(wanted, fields).sort("metadata.order_id"):
            about = one["metadata"]
            told = NotificationFact(one["key"], about["event_type"], one["status"], one["message_id"], one["attempts"])
            facts[UUID(about["order_id"])].told.append(told)


def _minor(amount: Decimal, currency: str) -> int:
    """Return minor units. A currency that nobody knows has two digits here: it is not the audit that fails for it."""
    return round(amount.scaleb(MINOR_DIGITS.get(currency, 2)))
