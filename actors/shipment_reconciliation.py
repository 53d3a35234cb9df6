"""The actor that compares shipments with the carrier's records, in both directions; one of delivery's actors."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from actors.delivery import DELIVERY, carrier
from actors.gateways.sandbox_carrier import carrier_from
from actors.reconciliation import going_on, unanswered
from contexts.delivery.carrier import LabelPage, LabelsBetween, LabelsOf, Unknown
from contexts.delivery.messages import CancelShipment, ReconcileShipments
from contexts.messages import Message
from contexts.reconciliation import OURS, PAGE
from persistence.carriers import active_carrier
from persistence.postgres_store import PostgresStore
from persistence.shipment_reconciliation import ShipmentReconciliation

Asked = LabelsOf | LabelsBetween
Answer = tuple[Asked, LabelPage | Unknown]

DELIVERY.keeps(ShipmentReconciliation, ShipmentReconciliation)


@cache
def carrier_records() -> Callable[[Sequence[Asked]], list[Answer]]:
    """What the active carrier's own records are asked by, one a process; each answer with its question."""
    carrier()  # makes the carrier of CARRIER_URL the active one
    store = PostgresStore("delivery", connections=1)
    with store.transaction() as transaction:
        desk = carrier_from(active_carrier(transaction.connection).api_endpoint)
    store.close()
    return lambda questions: [(asked, desk.report(asked)) for asked in questions]


@DELIVERY.asks(carrier_records)
def reconcile_shipments(command: ReconcileShipments, records: ShipmentReconciliation) -> Asked | None:
    """Ask for a page: of the labels of our shipments, or of all labels; nothing if there is no look to take."""
    look = records.looks.opened(command)
    if look is None:
        return None
    if command.side == OURS:
        return LabelsOf(records.to_look_up(look, command.after))
    return LabelsBetween(look.since, look.until, command.after or look.position, PAGE)


@DELIVERY.concludes(reconcile_shipments)
def shipments_reconciled(
    command: ReconcileShipments, outcome: Answer | None, records: ShipmentReconciliation
) -> Iterable[Message]:
    """Enter what differs, have what can be mended cancelled, and go on with the next page."""
    # First: to open the look of a message that asked nothing would begin one that no page follows.
    if outcome is None or (look := records.looks.opened(command)) is None:
        return
    asked, page = outcome
    if isinstance(page, Unknown):
        yield from unanswered(command, look, records.looks, page.reason)
        return
    ours = asked.shipment_ids if isinstance(asked, LabelsOf) else None
    new = records.compare(look, ours, page.labels)
    orders = records.adopt_labels([one for one in new if one.mendable])
    theirs = len(page.labels) if ours is None else 0
    records.looks.add_up(look, ours=len(ours or ()), theirs=theirs, discovered=len(new), mended=len(orders))
    yield from (CancelShipment(order_id=order_id) for order_id in orders)
    yield from going_on(command, look, records.looks, ours, page.next, page.end)
