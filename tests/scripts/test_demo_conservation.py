"""Each check of the audit finds what it is for: a test plants one fault into facts that are whole without it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from auditing.facts import (
    ChargeFact,
    EventFact,
    HoldFact,
    JourneyFact,
    LabelFact,
    LineFact,
    NotificationFact,
    OrderFact,
    OrderFacts,
    PaymentFact,
    ShipmentFact,
)
from auditing.verdict import judged

CD, WAREHOUSE, PAYMENT, SHIPMENT = (uuid4() for _ in range(4))
THEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def paid(*statuses: str, captured: int = 0, refunded: int = 0) -> list[EventFact]:
    """The events of a payment that went through statuses; the amounts are those of the last."""
    payload = {"transaction_id": "txn", "failure_code": None, "captured_minor": 0, "refunded_minor": 0}
    events = [
        EventFact(f"Payment{status.title()}", place, payload | {"status": status})
        for place, status in enumerate(statuses, start=1)
    ]
    last = {**events[-1].payload, "captured_minor": captured, "refunded_minor": refunded}
    return [*events[:-1], replace(events[-1], payload=last)]


def payment(status: str, version: int, captured: int = 0, refunded: int = 0) -> PaymentFact:
    return PaymentFact(PAYMENT, status, "USD", 2_000, captured, refunded, "txn", None, 1, version)


def order(status: str, version: int = 2, **others: Any) -> OrderFact:
    fields: dict[str, Any] = {"reason": None, "return_reason": None, "return_refusal": None}
    return OrderFact(status, currency="USD", total_minor=2_000, version=version, moved_at=THEN, **fields | others)


def journey(saga: str, status: str, reason: str | None = None) -> JourneyFact:
    ended_at = THEN if status in ("COMPLETED", "UNDONE") else None
    return JourneyFact(saga, status, reason, 6, status, ended_at, 6, 6, THEN)


def told(event_type: str, status: str = "SENT") -> NotificationFact:
    return NotificationFact(f"{event_type}:key", event_type, status, f"<{event_type}>", 1)


def moved(*kinds: str) -> Counter[tuple[str, Any, Any]]:
    return Counter({(kind, CD, WAREHOUSE): 2 for kind in kinds})


PLACED = EventFact("OrderPlaced", 1, {"total_minor": 2_000, "currency": "USD"})


def completed() -> OrderFacts:
    """Two CDs, paid, shipped and told of."""
    return OrderFacts(
        uuid4(),
        order("COMPLETED"),
        [LineFact(CD, 2, 2_000)],
        [PLACED, EventFact("OrderCompleted", 2, {}), *paid("AUTHORIZED", "CAPTURED", captured=2_000)],
        [journey("place_order", "COMPLETED")],
        [payment("CAPTURED", 2, 2_000)],
        [ChargeFact(PAYMENT, "captured", 2_000, 0)],
        [ShipmentFact(SHIPMENT, "SCHEDULED", "FV1", 2)],
        [LabelFact(SHIPMENT, "booked", "FV1")],
        [HoldFact(CD, WAREHOUSE, 2, "SHIPPED")],
        moved("RESERVED", "SHIPPED"),
        told=[told("order_completed")],
        mails=Counter({"<order_completed>": 1}),
    )


def undone() -> OrderFacts:
    """The same, undone since the carrier refused it."""
    return OrderFacts(
        uuid4(),
        order("REJECTED", reason="ship_refused"),
        [LineFact(CD, 2, 2_000)],
        [PLACED, EventFact("OrderRejected", 2, {"reason": "ship_refused"}), *paid("AUTHORIZED", "VOIDED")],
        [journey("place_order", "UNDONE", "ship_refused")],
        [payment("VOIDED", 2)],
        [ChargeFact(PAYMENT, "voided", 0, 0)],
        [ShipmentFact(SHIPMENT, "REFUSED", None, 2)],
        [LabelFact(SHIPMENT, "refused", None)],
        [HoldFact(CD, WAREHOUSE, 2, "RELEASED")],
        moved("RESERVED", "RELEASED"),
        was_released=True,
        told=[told("order_rejected")],
        mails=Counter({"<order_rejected>": 1}),
    )


def returned() -> OrderFacts:
    """The same, completed and come back."""
    whole = completed()
    whole.order = order("RETURNED", 3, return_reason="cancelled")
    statuses = ("AUTHORIZED", "CAPTURED", "REFUNDED")
    whole.events = [*whole.events[:2], EventFact("OrderReturned", 3, {"reason": "cancelled"})]
    whole.events += paid(*statuses, captured=2_000, refunded=2_000)
    whole.journeys.append(journey("return_order", "COMPLETED", "cancelled"))
    whole.payments = [payment("REFUNDED", 3, 2_000, 2_000)]
    whole.charges = [ChargeFact(PAYMENT, "refunded", 2_000, 2_000)]
    whole.shipments, whole.labels = (
        [ShipmentFact(SHIPMENT, "RECALLED", "FV1", 3)],
        [LabelFact(SHIPMENT, "cancelled", "FV1")],
    )
    whole.holds, whole.moved = [HoldFact(CD, WAREHOUSE, 2, "RETURNED")], moved("RESERVED", "SHIPPED", "RETURNED")
    whole.told.append(told("order_returned"))
    whole.mails = Counter({"<order_completed>": 1, "<order_returned>": 1})
    return whole


def kept() -> OrderFacts:
    """The same, completed; its return was refused."""
    whole = completed()
    whole.order = order("COMPLETED", 3, return_refusal="collected")
    whole.events.insert(2, EventFact("ReturnRefused", 3, {"reason": "collected"}))
    whole.journeys.append(journey("return_order", "UNDONE", "collected"))
    whole.told.append(told("return_refused"))
    whole.mails = Counter({"<order_completed>": 1, "<return_refused>": 1})
    return whole


def rejected_at_once() -> OrderFacts:
    """An order of what is not on sale: it never had a journey."""
    order_id, line = uuid4(), LineFact(CD, 2, 0)
    events = [replace(PLACED, payload={"total_minor": 0}), EventFact("OrderRejected", 2, {"reason": "not_on_sale"})]
    whole = OrderFacts(order_id, replace(order("REJECTED", reason="not_on_sale"), total_minor=0), [line], events)
    whole.charges, whole.labels, whole.told = [], [], [told("order_rejected")]
    whole.mails = Counter({"<order_rejected>": 1})
    return whole


WHOLE = {one.__name__: one for one in (completed, undone, returned, kept, rejected_at_once)}

Fault = tuple[str, Callable[[], OrderFacts], dict[str, Any]]

CAPTURED = ChargeFact(PAYMENT, "captured", 2_000, 0)

#: What is wrong -> the check that says so, the order that it is planted into, and the facts that change.
FAULTS: dict[str, Fault] = {
    "no journey": ("order_without_journey", completed, {"journeys": []}),
    "two journeys": ("second_journey", completed, {"journeys": [journey("place_order", "COMPLETED")] * 2}),
    "the journey was undone": (
        "journey_disagrees",
        completed,
        {"journeys": [journey("place_order", "UNDONE", "pay_refused")]},
    ),
    "undone for another reason": (
        "journey_disagrees",
        undone,
        {"journeys": [journey("place_order", "UNDONE", "expired")]},
    ),
    "came back without a return": (
        "journey_disagrees",
        returned,
        {"journeys": [journey("place_order", "COMPLETED")]},
    ),
    "a workflow that was left behind": (
        "workflow_disagrees",
        completed,
        {"journeys": [replace(journey("place_order", "COMPLETED"), workflow="RUNNING")]},
    ),
    "a gap in the trail": (
        "journey_events_disagree",
        completed,
        {"journeys": [replace(journey("place_order", "COMPLETED"), events=5)]},
    ),
    "a total that is not the lines' sum": ("total_disagrees", completed, {"lines": [LineFact(CD, 2, 1_999)]}),
    "a change of which there is no event": (
        "order_events_disagree",
        completed,
        {"order": replace(order("COMPLETED"), version=3)},
    ),
    "a payment that its events do not tell": (
        "payment_events_disagree",
        completed,
        {"payments": [payment("CAPTURED", 3, 2_000)]},
    ),
    "the journey's end, but no payment": ("payment_disagrees", completed, {"payments": [], "charges": []}),
    "two payments": ("second_payment", completed, {"payments": [payment("CAPTURED", 2, 2_000), payment("VOIDED", 2)]}),
    "taken twice": ("charged_too_much", completed, {"charges": [CAPTURED, replace(CAPTURED, payment_id=uuid4())]}),
    "never taken": ("charge_disagrees", completed, {"charges": []}),
    "taken under another id": (
        "charge_disagrees",
        completed,
        {"charges": [replace(CAPTURED, payment_id=uuid4())]},
    ),
    "still held": ("charge_disagrees", undone, {"charges": [ChargeFact(PAYMENT, "authorized", 0, 0)]}),
    "not given back": ("charge_disagrees", returned, {"charges": [CAPTURED]}),
    "no shipment": ("shipment_disagrees", completed, {"shipments": [], "labels": []}),
    "an undone order on its way": (
        "shipment_disagrees",
        undone,
        {
            "shipments": [ShipmentFact(SHIPMENT, "SCHEDULED", "FV1", 2)],
            "labels": [LabelFact(SHIPMENT, "booked", "FV1")],
        },
    ),
    "two shipments": (
        "shipped_twice",
        completed,
        {"shipments": [ShipmentFact(uuid4(), "SCHEDULED", None, 2) for _ in range(2)]},
    ),
    "two labels": ("second_label", completed, {"labels": [LabelFact(uuid4(), "booked", "FV1") for _ in range(2)]}),
    "no label": ("label_disagrees", completed, {"labels": []}),
    "another tracking number": ("label_disagrees", completed, {"labels": [LabelFact(SHIPMENT, "booked", "FV2")]}),
    "a parcel that came back and is on its way": (
        "label_disagrees",
        returned,
        {"labels": [LabelFact(SHIPMENT, "booked", "FV1")]},
    ),
    "goods that did not leave": (
        "reservation_disagrees",
        completed,
        {"holds": [HoldFact(CD, WAREHOUSE, 2, "ACTIVE")], "moved": moved("RESERVED")},
    ),
    "goods that did not come back": (
        "reservation_disagrees",
        returned,
        {"holds": [HoldFact(CD, WAREHOUSE, 2, "SHIPPED")], "moved": moved("RESERVED", "SHIPPED")},
    ),
    "held for an undone order": (
        "reservation_disagrees",
        undone,
        {"holds": [HoldFact(CD, WAREHOUSE, 2, "ACTIVE")], "moved": moved("RESERVED")},
    ),
    "a movement that was not booked": ("movements_disagree", completed, {"moved": moved("RESERVED")}),
    "more units than ordered": (
        "shipped_too_much",
        completed,
        {"holds": [HoldFact(CD, WAREHOUSE, 3, "SHIPPED")], "moved": moved("RESERVED", "SHIPPED") + moved("SHIPPED")},
    ),
    "nothing told": ("mail_disagrees", completed, {"told": [], "mails": Counter()}),
    "told twice": ("told_twice", completed, {"told": [told("order_completed"), told("order_completed")]}),
    "a return that nobody was told of": (
        "mail_disagrees",
        returned,
        {"told": [told("order_completed")], "mails": Counter({"<order_completed>": 1})},
    ),
    "a refusal that nobody was told of": (
        "mail_disagrees",
        kept,
        {"told": [told("order_completed")], "mails": Counter({"<order_completed>": 1})},
    ),
    "a mail that never arrived": ("mail_lost", undone, {"mails": Counter()}),
    "more copies of a mail than attempts": ("mail_doubled", undone, {"mails": Counter({"<order_rejected>": 5})}),
    "an end without a time": (
        "workflow_disagrees",
        completed,
        {"journeys": [replace(journey("place_order", "COMPLETED"), completed_at=None)]},
    ),
    "a time of an end that has not come": (
        "workflow_disagrees",
        completed,
        {"journeys": [replace(journey("place_order", "RUNNING"), completed_at=THEN)]},
    ),
    "a mail that nobody noted": ("unknown_mail", undone, {"mails": Counter({"<order_rejected>": 1, "<x>": 1})}),
}

#: Two sides of one thing: where the first is planted, the second cannot be helped.
TOGETHER = {
    "payment_disagrees": {"payment_events_disagree"},
    "second_payment": {"payment_disagrees"},
    "charged_too_much": {"charge_disagrees"},
    "second_label": {"label_disagrees"},
    "shipped_twice": {"shipment_disagrees", "label_disagrees"},
    "shipped_too_much": {"movements_disagree", "reservation_disagrees"},
}


def faulty(whole: Callable[[], OrderFacts], changes: dict[str, Any]) -> OrderFacts:
    return replace(whole(), **changes)


def checks(facts: OrderFacts) -> set[str]:
    verdict = judged(facts)
    return {one.check for one in (*verdict.always, *verdict.in_the_end)}


@pytest.mark.parametrize("kind", WHOLE)
def test_facts_that_agree_are_no_violation(kind: str) -> None:
    assert checks(WHOLE[kind]()) == set()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_named(fault: str) -> None:
    check, whole, changes = FAULTS[fault]
    facts = faulty(whole, changes)

    found = checks(facts)

    assert check in found
    assert found <= {check} | TOGETHER.get(check, set())
    assert all(one.order_id == facts.order_id and one.says and one.but for one in judged(facts).in_the_end)


@pytest.mark.parametrize(
    ("thing", "changes"),
    [
        ("journey", {"journeys": [journey("place_order", "RUNNING")]}),
        ("reservation", {"holds": [HoldFact(CD, WAREHOUSE, 2, "ACTIVE")]}),
        ("movement", {"moved": moved("RESERVED")}),
        ("release", {"was_released": True}),
        ("shipment", {"shipments": [ShipmentFact(SHIPMENT, "SCHEDULED", "FV1", 2)]}),
        ("notification", {"told": [told("order_completed")]}),
        ("charge", {"charges": [CAPTURED]}),
        ("label", {"labels": [LabelFact(SHIPMENT, "booked", "FV1")]}),
    ],
)
def test_what_belongs_to_no_order_is_a_violation_at_every_moment(thing: str, changes: dict[str, Any]) -> None:
    assert {one.check for one in judged(OrderFacts(uuid4(), **changes)).always} == {f"{thing}_without_order"}


def test_a_mail_that_was_tried_as_often_as_it_arrived_is_no_violation() -> None:
    retried = replace(told("order_rejected"), attempts=3)

    assert checks(faulty(undone, {"told": [retried], "mails": Counter({"<order_rejected>": 3})})) == set()
    assert checks(faulty(undone, {"told": [retried], "mails": Counter({"<order_rejected>": 4})})) == {"mail_doubled"}


def test_copies_of_a_mail_are_counted_while_its_order_is_under_way_too() -> None:
    sending = {"told": [told("order_rejected", "SENDING")], "mails": Counter({"<order_rejected>": 2})}

    assert [one.check for one in judged(faulty(undone, sending)).always] == ["mail_doubled"]


def test_an_order_that_is_asked_for_and_that_nobody_knows_is_missing() -> None:
    assert checks(OrderFacts(uuid4(), is_named=True)) == {"order_missing"}
    assert checks(OrderFacts(uuid4())) == set()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"journeys": [journey("place_order", "RUNNING")]}, "journey place_order RUNNING"),
        ({"journeys": [journey("place_order", "STUCK")]}, "journey place_order STUCK"),
        ({"waits": True}, "a message in an outbox"),
        ({"told": [told("order_completed", "SENDING")]}, "mail order_completed SENDING"),
    ],
)
def test_an_order_under_way_is_in_flight_and_not_asked_how_it_ended(changes: dict[str, Any], why: str) -> None:
    verdict = judged(faulty(completed, {"shipments": [], **changes}))

    assert (verdict.flying, verdict.in_the_end, verdict.always) == (why, (), ())


def test_an_order_under_way_is_asked_what_must_always_hold() -> None:
    twice = {"charges": [CAPTURED, replace(CAPTURED, payment_id=uuid4())]}

    verdict = judged(faulty(completed, {"journeys": [journey("place_order", "RUNNING")], **twice}))

    assert [one.check for one in verdict.always] == ["charged_too_much"]


def test_facts_that_changed_have_another_digest() -> None:
    facts = faulty(completed, {"labels": []})

    assert judged(facts).digest == judged(replace(facts)).digest
    assert judged(facts).digest != judged(replace(facts, order=order("COMPLETED", 2, reason="x"))).digest
