"""The conservation check finds what it is for: each test plants one fault into facts that are whole without it."""

from collections import Counter
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from demonstration import conservation
from demonstration.facts import (
    ChargeFact,
    Facts,
    HoldFact,
    LabelFact,
    LevelFact,
    NotificationFact,
    OrderFact,
    PaymentFact,
    SagaFact,
    ShipmentFact,
)

DONE, UNDONE, CD, WAREHOUSE, PAYMENT, SHIPMENT = (uuid4() for _ in range(6))


def whole() -> Facts:
    """One completed order of two CDs, and one whose card was declined."""
    moved: dict[UUID, Counter[tuple[str, UUID, UUID]]] = {
        DONE: Counter({("RESERVED", CD, WAREHOUSE): 2, ("SHIPPED", CD, WAREHOUSE): 2}),
        UNDONE: Counter({("RESERVED", CD, WAREHOUSE): 2, ("RELEASED", CD, WAREHOUSE): 2}),
    }
    return Facts(
        order_ids=[DONE, UNDONE],
        orders={
            DONE: OrderFact("COMPLETED", None, 2_000, 2_000, Counter({CD: 2})),
            UNDONE: OrderFact("REJECTED", "pay_refused", 2_000, 2_000, Counter({CD: 2})),
        },
        sagas={
            DONE: SagaFact("COMPLETED", None, "COMPLETED"),
            UNDONE: SagaFact("UNDONE", "pay_refused", "UNDONE"),
        },
        payments={
            DONE: [PaymentFact(PAYMENT, "CAPTURED", 2_000, 2_000, 0)],
            UNDONE: [PaymentFact(uuid4(), "DECLINED", 2_000, 0, 0)],
        },
        charges={DONE: [ChargeFact(PAYMENT, "captured", 2_000, 0)]},
        shipments={DONE: [ShipmentFact(SHIPMENT, "SCHEDULED", "FV1")]},
        labels={DONE: [LabelFact(SHIPMENT, "booked", "FV1")]},
        holds={
            DONE: [HoldFact(CD, WAREHOUSE, 2, "SHIPPED")],
            UNDONE: [HoldFact(CD, WAREHOUSE, 2, "RELEASED")],
        },
        moved=moved,
        levels=[LevelFact(CD, WAREHOUSE, 8, 0, 8, 0, 0)],
        notifications={
            DONE: [NotificationFact("order_completed", "SENT", "<1@x>")],
            UNDONE: [NotificationFact("order_rejected", "SENT", "<2@x>")],
        },
        mails=Counter({"<1@x>": 1, "<2@x>": 1}),
    )


FAULTS = {
    "an order without a journey": (DONE, lambda f: replace(f, sagas={UNDONE: f.sagas[UNDONE]})),
    "a journey without an order": (DONE, lambda f: replace(f, orders={UNDONE: f.orders[UNDONE]})),
    "an order that says otherwise than its journey": (
        DONE,
        lambda f: replace(f, sagas=f.sagas | {DONE: SagaFact("UNDONE", "pay_refused", "UNDONE")}),
    ),
    "an order undone for another reason": (
        UNDONE,
        lambda f: replace(f, sagas=f.sagas | {UNDONE: SagaFact("UNDONE", "expired", "UNDONE")}),
    ),
    "a workflow that was left behind": (
        DONE,
        lambda f: replace(f, sagas=f.sagas | {DONE: SagaFact("COMPLETED", None, "RUNNING")}),
    ),
    "a total that is not its lines' sum": (
        DONE,
        lambda f: replace(f, orders=f.orders | {DONE: replace(f.orders[DONE], lines_minor=1_999)}),
    ),
    "a completed order without a payment": (DONE, lambda f: replace(f, payments={}, charges={})),
    "an order paid twice": (DONE, lambda f: replace(f, payments=f.payments | {DONE: [*f.payments[DONE]] * 2})),
    "an undone order whose money was kept": (
        UNDONE,
        lambda f: replace(f, payments=f.payments | {UNDONE: [PaymentFact(uuid4(), "CAPTURED", 5, 5, 0)]}),
    ),
    "money that the gateway took under another id": (
        DONE,
        lambda f: replace(f, charges={DONE: [*f.charges[DONE], ChargeFact(uuid4(), "captured", 2_000, 0)]}),
    ),
    "a capture that the gateway never saw": (DONE, lambda f: replace(f, charges={})),
    "a hold that the gateway still has": (
        UNDONE,
        lambda f: replace(f, charges=f.charges | {UNDONE: [ChargeFact(uuid4(), "authorized", 0, 0)]}),
    ),
    "a completed order without a shipment": (DONE, lambda f: replace(f, shipments={}, labels={})),
    "an undone order that is on its way": (
        UNDONE,
        lambda f: replace(f, shipments=f.shipments | {UNDONE: [ShipmentFact(uuid4(), "SCHEDULED", "FV2")]}),
    ),
    "a label bought twice": (
        DONE,
        lambda f: replace(f, labels={DONE: [*f.labels[DONE], LabelFact(uuid4(), "booked", "FV9")]}),
    ),
    "a label that the carrier does not know": (DONE, lambda f: replace(f, labels={})),
    "goods that did not leave": (
        DONE,
        lambda f: replace(f, holds=f.holds | {DONE: [HoldFact(CD, WAREHOUSE, 2, "ACTIVE")]}),
    ),
    "too few goods that left": (
        DONE,
        lambda f: replace(f, holds=f.holds | {DONE: [HoldFact(CD, WAREHOUSE, 1, "SHIPPED")]}),
    ),
    "stock held for an undone order": (
        UNDONE,
        lambda f: replace(f, holds=f.holds | {UNDONE: [HoldFact(CD, WAREHOUSE, 2, "ACTIVE")]}),
    ),
    "a movement booked twice": (
        DONE,
        lambda f: replace(f, moved=f.moved | {DONE: f.moved[DONE] + f.moved[DONE]}),
    ),
    "a level that its ledger does not replay to": (CD, lambda f: replace(f, levels=[replace(f.levels[0], on_hand=9)])),
    "units reserved for nobody": (
        CD,
        lambda f: replace(f, levels=[replace(f.levels[0], reserved=1, ledger_reserved=1)]),
    ),
    "a customer who was told nothing": (
        DONE,
        lambda f: replace(f, notifications={UNDONE: f.notifications[UNDONE]}),
    ),
    "a customer who was told the wrong thing": (
        UNDONE,
        lambda f: replace(f, notifications=f.notifications | {UNDONE: [*f.notifications[DONE]]}),
    ),
    "a customer who was told twice": (
        DONE,
        lambda f: replace(f, notifications=f.notifications | {DONE: [*f.notifications[DONE]] * 2}),
    ),
    "a mail that never arrived": (DONE, lambda f: replace(f, mails=Counter({"<2@x>": 1}))),
}


def test_facts_that_agree_are_no_violation() -> None:
    assert conservation.violations(whole()) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_named(fault: str) -> None:
    named, plant = FAULTS[fault]

    found = conservation.violations(plant(whole()))  # type: ignore[no-untyped-call]

    assert found
    assert all(str(named) in sentence for sentence in found)


def test_what_was_captured_is_told_without_what_was_given_back() -> None:
    refunded = replace(whole(), payments={DONE: [PaymentFact(PAYMENT, "REFUNDED", 2_000, 2_000, 500)]})
    assert conservation.captured_minor(refunded) == 1_500


def test_a_mail_that_came_twice_under_one_message_id_is_a_note() -> None:
    twice = replace(whole(), mails=Counter({"<1@x>": 2, "<2@x>": 1}))
    assert conservation.violations(twice) == []
    assert len(conservation.notes(twice)) == 1
