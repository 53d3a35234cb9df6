"""Checks of an order against its shipment, and of the shipment against what the carrier booked."""

from collections.abc import Iterator

from auditing.facts import OrderFacts
from auditing.report import Violation

#: The shipments that an order may have in the end, by its status.
IN_THE_END_ARE = {
    "COMPLETED": [["SCHEDULED"]],
    "RETURNED": [["RECALLED"]],
    "REJECTED": [[], ["REFUSED"], ["CANCELLED"]],
}


def one_shipment(facts: OrderFacts) -> Iterator[Violation]:
    """An order has one shipment on its way at most."""
    found = [one.status for one in facts.shipments if one.status == "SCHEDULED"]
    if len(found) > 1:
        yield Violation("shipped_twice", "an order is shipped once", f"delivery has {', '.join(found)}", facts.order_id)


def one_live_label(facts: OrderFacts) -> Iterator[Violation]:
    """The carrier has one live label of an order at most."""
    found = [f"{one.reference} {one.state}" for one in facts.labels or () if one.is_alive]
    if facts.order and len(found) > 1:
        yield Violation("second_label", "an order has one label", f"the carrier has {', '.join(found)}", facts.order_id)


def order_and_shipment_agree(facts: OrderFacts) -> Iterator[Violation]:
    """A completed order has one shipment on its way; one that was undone or came back has none."""
    found = [one.status for one in facts.shipments]
    if facts.order and found not in IN_THE_END_ARE.get(facts.order.status, [found]):
        but = f"its shipments are {', '.join(found) or 'none'}"
        yield Violation("shipment_disagrees", f"the order is {facts.order.status}", but, facts.order_id)


def shipment_and_label_agree(facts: OrderFacts) -> Iterator[Violation]:
    """The carrier has a live label for the shipment on its way, with its tracking number, and none besides."""
    if facts.labels is None or facts.order is None:
        return
    said = sorted((one.shipment_id, one.tracking_number) for one in facts.shipments if one.status == "SCHEDULED")
    booked = sorted((one.reference, one.tracking_number) for one in facts.labels if one.is_alive)
    if said != booked:
        sides = [", ".join(f"{one} ({tracking})" for one, tracking in side) or "nothing" for side in (said, booked)]
        yield Violation(
            "label_disagrees", f"delivery scheduled {sides[0]}", f"the carrier booked {sides[1]}", facts.order_id
        )


ALWAYS = (one_shipment, one_live_label)
IN_THE_END = (order_and_shipment_agree, shipment_and_label_agree)
