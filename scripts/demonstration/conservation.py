"""The conservation check: nothing is lost, made up or counted twice between the stores and the providers.

`violations` compares what each side says of the same orders. Every violation is a sentence that names the order, or
the stock level, and both sides. Orders that are not final are violations too: it is asked when all should be.
"""

from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from demonstration.facts import Facts, OrderFact

#: Payments under which no money is held or kept.
NOTHING_KEPT = frozenset({"DECLINED", "VOIDED", "REFUNDED"})

#: The gateway's states under which no money is held or kept.
NOTHING_CHARGED = frozenset({"voided", "refunded"})

#: Order status -> what its customer is told.
TOLD = {"COMPLETED": "order_completed", "REJECTED": "order_rejected"}


def violations(facts: Facts) -> list[str]:
    """Return everything in which the sides do not agree, as sentences; none if nothing was lost or made up."""
    return [sentence for check in CHECKS for sentence in check(facts)]


def captured_minor(facts: Facts) -> int:
    """Return what was captured and not given back, as the payments say; the gateway is compared order by order."""
    found = (one for listed in facts.payments.values() for one in listed)
    return sum(one.captured_minor - one.refunded_minor for one in found)


def notes(facts: Facts) -> list[str]:
    """Return what was not looked at, and what is no violation but worth knowing."""
    found = []
    if facts.charges is None:
        found.append("PAYMENT_GATEWAY_URL is not the sandbox gateway: what it took was not compared")
    if facts.mails is None:
        found.append("SMTP_URL is a server of yours: what it received was not compared")
    else:
        sent = {one.message_id for listed in facts.notifications.values() for one in listed}
        again = sum(1 for message_id in sent if facts.mails[message_id] > 1)
        if again:
            found.append(f"{again} mails arrived more than once, under the same Message-ID: SMTP has no exactly-once")
    return found


def journeys(facts: Facts) -> Iterator[str]:
    """The orders' own state is what their journeys came to."""
    for order_id in facts.order_ids:
        order, saga = facts.orders.get(order_id), facts.sagas.get(order_id)
        if order is None or saga is None:
            sides = f"orders has {'nothing' if order is None else order.status}"
            yield f"order {order_id}: {sides}, coordination has {'nothing' if saga is None else saga.status}"
            continue
        ended = {"COMPLETED": "COMPLETED", "UNDONE": "REJECTED"}.get(saga.status)
        if order.status != ended or order.reason != saga.reason:
            yield (
                f"order {order_id}: orders says {order.status} ({order.reason}), "
                f"its saga says {saga.status} ({saga.reason})"
            )
        if saga.workflow != saga.status:
            yield f"order {order_id}: its saga is {saga.status}, its workflow is {saga.workflow}"
        if order.lines_minor != order.total_minor:
            yield f"order {order_id}: its total is {order.total_minor}, its lines sum to {order.lines_minor}"


def payments(facts: Facts) -> Iterator[str]:
    """A completed order is paid once and in full; an undone one keeps nothing."""
    for order_id, order in facts.orders.items():
        found = [(one.status, one.captured_minor - one.refunded_minor) for one in facts.payments.get(order_id, ())]
        if order.status == "COMPLETED" and found != [("CAPTURED", order.total_minor)]:
            yield f"order {order_id}: it is COMPLETED over {order.total_minor}, its payments are {found}"
        if order.status == "REJECTED" and any(kept or status not in NOTHING_KEPT for status, kept in found):
            yield f"order {order_id}: it is REJECTED, its payments are {found}"


def charges(facts: Facts) -> Iterator[str]:
    """The gateway took what the payments say, under their ids, and nothing besides."""
    if facts.charges is None:
        return
    for order_id, order in facts.orders.items():
        said = {
            one.payment_id: one.captured_minor - one.refunded_minor
            for one in facts.payments.get(order_id, ())
            if one.captured_minor
        }
        found = facts.charges.get(order_id, ())
        taken = {one.payment_id: one.captured_minor - one.refunded_minor for one in found if one.captured_minor}
        if said != taken or len(taken) != sum(1 for one in found if one.captured_minor):
            yield f"order {order_id}: its payments captured {_plain(said)}, the gateway captured {_plain(taken)}"
        states = [one.state for one in found]
        if order.status == "REJECTED" and not NOTHING_CHARGED.issuperset(states):
            yield f"order {order_id}: it is REJECTED, the gateway has payments that are {', '.join(states)}"


def shipments(facts: Facts) -> Iterator[str]:
    """A completed order has one shipment on its way; an undone one has none."""
    for order_id, order in facts.orders.items():
        states = [one.status for one in facts.shipments.get(order_id, ())]
        if order.status == "COMPLETED" and states != ["SCHEDULED"]:
            yield f"order {order_id}: it is COMPLETED, its shipments are {states}"
        if order.status == "REJECTED" and not {"REFUSED", "CANCELLED"}.issuperset(states):
            yield f"order {order_id}: it is REJECTED, its shipments are {states}"


def labels(facts: Facts) -> Iterator[str]:
    """The carrier has a label for every scheduled shipment, with the same tracking number, and none besides."""
    if facts.labels is None:
        return
    for order_id in facts.orders:
        said = [
            (one.shipment_id, one.tracking_number)
            for one in facts.shipments.get(order_id, ())
            if one.status == "SCHEDULED"
        ]
        bought = [
            (one.reference, one.tracking_number) for one in facts.labels.get(order_id, ()) if one.state == "booked"
        ]
        if sorted(said) != sorted(bought):
            yield f"order {order_id}: delivery scheduled {_plain(said)}, the carrier booked {_plain(bought)}"


def stock(facts: Facts) -> Iterator[str]:
    """What a completed order bought has left the warehouses; for an undone one nothing is held or gone."""
    for order_id, order in facts.orders.items():
        held = facts.holds.get(order_id, ())
        shipped: Counter[UUID] = Counter()
        for one in held:
            if one.status == "SHIPPED":
                shipped[one.product_id] += one.quantity
        if order.status == "COMPLETED" and shipped != order.units:
            yield f"order {order_id}: it bought {_plain(order.units)}, the inventory shipped {_plain(shipped)}"
        if order.status == "REJECTED" and any(one.status != "RELEASED" for one in held):
            yield f"order {order_id}: it is REJECTED, its reservations are {[one.status for one in held]}"
        if any(one.status == "ACTIVE" for one in held):
            yield f"order {order_id}: it is {order.status}, but stock is still held for it"


def movements(facts: Facts) -> Iterator[str]:
    """The ledger tells of every reservation of an order once: reserved, and then shipped or released."""
    for order_id in facts.orders:
        expected: Counter[tuple[str, UUID, UUID]] = Counter()
        for one in facts.holds.get(order_id, ()):
            expected["RESERVED", one.product_id, one.warehouse_id] += one.quantity
            if one.status != "ACTIVE":
                expected[one.status, one.product_id, one.warehouse_id] += one.quantity
        moved = facts.moved.get(order_id, Counter())
        if moved != expected:
            yield f"order {order_id}: its reservations make {_plain(expected)}, the ledger has {_plain(moved)}"


def levels(facts: Facts) -> Iterator[str]:
    """Every stock level is what the ledger replays to, and what is reserved is what is held."""
    for one in facts.levels:
        if (one.on_hand, one.reserved) != (one.ledger_on_hand, one.ledger_reserved) or one.reserved != one.active_holds:
            yield (
                f"product {one.product_id} in warehouse {one.warehouse_id}: the level says {one.on_hand} on hand and "
                f"{one.reserved} reserved, the ledger {one.ledger_on_hand} and {one.ledger_reserved}, "
                f"the reservations {one.active_holds}"
            )


def notifications(facts: Facts) -> Iterator[str]:
    """The customer of every closed order was told once how it ended, and the mail arrived."""
    for order_id, order in facts.orders.items():
        told = [(one.event_type, one.status) for one in facts.notifications.get(order_id, ())]
        if told != [(_told(order), "SENT")]:
            yield f"order {order_id}: it is {order.status}, its notifications are {told}"
        for one in facts.notifications.get(order_id, ()):
            if facts.mails is not None and one.status == "SENT" and not facts.mails[one.message_id]:
                yield f"order {order_id}: its mail {one.message_id} is SENT, the mail catcher does not have it"


CHECKS = (journeys, payments, charges, shipments, labels, stock, movements, levels, notifications)


def _told(order: OrderFact) -> str:
    return TOLD.get(order.status, "nothing")


def _plain(said: object) -> str:
    """Return ids without the noise around them."""
    match said:
        case dict():
            return "{" + ", ".join(f"{_plain(key)}: {value}" for key, value in said.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_plain, said)) + "]"
    return str(said)
