"""`scripts/ops audit`: what disagrees between the stores is found and named, whoever looks at it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager as Planted
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from auditing import gathering
from contexts.delivery.model import shipment_id

from .audited_shop import AuditedShop, audited_shop
from .operators_desk import ROOT

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditedShop]:
    with audited_shop(tmp_path_factory.mktemp("providers")) as opened:
        yield opened


def ops(shop: AuditedShop, *arguments: object, **variables: str) -> tuple[int, str, str]:
    """Run `scripts/ops audit` as an operator does."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "ops"), "audit", "--settle", "1s", *map(str, arguments)],
        env={**os.environ, **shop.platform.variables, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def test_orders_that_came_to_every_end_are_no_violation(shop: AuditedShop) -> None:
    ended = shop.platform.rows("orders", "SELECT status, count(*) FROM orders GROUP BY 1")
    assert dict(ended) == {"COMPLETED": 11, "REJECTED": 4, "RETURNED": 1}

    report = shop.audit(settle_seconds=10)

    assert (report.violations, report.in_flight, report.orders) == ((), 0, 16)
    assert report.kept_minor == {"USD": 12 * 1299}
    assert report.notes == ()


def test_an_operator_gets_a_document_and_exit_code_0(shop: AuditedShop) -> None:
    code, output, _ = ops(shop, "--json")

    assert code == 0
    document = json.loads(output)
    assert (document["orders"], document["in_flight"], document["violations"]) == (16, 0, [])
    assert ops(shop)[1].endswith("16 orders, 0 in flight, 0 violations\n")


def test_a_violation_is_exit_code_1_and_names_the_order_and_both_sides(shop: AuditedShop) -> None:
    with (
        shop.removed("delivery", "tracking_events", "shipment_id", shipment_id(shop.completed)),
        shop.removed("delivery", "shipments", "order_id", shop.completed),
    ):
        code, output, _ = ops(shop, "--json", "--order", shop.completed)

    assert code == 1
    found = {one["check"]: one for one in json.loads(output)["violations"]}
    assert found["shipment_disagrees"] == {
        "check": "shipment_disagrees",
        "order_id": str(shop.completed),
        "says": "the order is COMPLETED",
        "but": "its shipments are none",
    }
    assert found.keys() == {"shipment_disagrees", "label_disagrees"}


@pytest.mark.parametrize("variable", ["DELIVERY_DATABASE_URL", "NOTIFICATIONS_DATABASE_URL", "CARRIER_URL"])
def test_a_server_that_is_away_is_exit_code_2(shop: AuditedShop, variable: str) -> None:
    url = {"D": "postgresql://nobody@127.0.0.1:9/none", "N": "mongodb://127.0.0.1:9/none?serverSelectionTimeoutMS=500"}
    code, _, errors = ops(shop, **{variable: url.get(variable[0], "http://127.0.0.1:9")})

    assert code == 2
    assert variable in errors


def test_since_and_order_exclude_each_other(shop: AuditedShop) -> None:
    assert ops(shop, "--since", "1h", "--order", shop.completed)[0] == 2


Plant = Callable[[AuditedShop, UUID], Planted[None]]

#: Check -> how it comes about in a completed order, and what else cannot be helped then.
IN_STORES: dict[str, tuple[Plant, set[str]]] = {
    "journey_disagrees": (
        lambda shop, one: shop.changed("coordination", "sagas", "id", one, status="UNDONE"),
        {"workflow_disagrees"},
    ),
    "workflow_disagrees": (
        lambda shop, one: shop.changed("coordination", "workflows", "id", one, status="RUNNING"),
        set(),
    ),
    "order_without_journey": (
        lambda shop, one: shop.changed("coordination", "sagas", "id", one, associated_id=str(uuid4())),
        set(),
    ),
    "journey_events_disagree": (
        lambda shop, one: shop.changed("coordination", "sagas", "id", one, version=99),
        set(),
    ),
    "second_journey": (
        lambda shop, one: shop.copied("coordination", "sagas", "id", one),
        {"journey_events_disagree", "workflow_disagrees"},
    ),
    "order_events_disagree": (lambda shop, one: shop.changed("orders", "orders", "id", one, version=7), set()),
    "total_disagrees": (
        lambda shop, one: shop.changed("orders", "order_items", "order_id", one, total_price=1),
        set(),
    ),
    "payment_events_disagree": (
        lambda shop, one: shop.changed("orders", "payments", "order_id", one, gateway_transaction_id="txn_other"),
        set(),
    ),
    "payment_disagrees": (
        lambda shop, one: shop.changed("orders", "payments", "order_id", one, status="AUTHORIZED"),
        {"payment_events_disagree"},
    ),
    "second_payment": (
        lambda shop, one: shop.copied("orders", "payments", "order_id", one, status="VOIDED", captured_amount=0),
        {"payment_disagrees"},
    ),
    "captured_too_much": (
        lambda shop, one: shop.copied("orders", "payments", "order_id", one),
        {"second_payment", "payment_disagrees", "charge_disagrees"},
    ),
    "charge_disagrees": (
        lambda shop, one: shop.changed("orders", "payments", "order_id", one, captured_amount=1),
        {"payment_disagrees", "payment_events_disagree"},
    ),
    "shipment_disagrees": (
        lambda shop, one: shop.copied(
            "delivery", "shipments", "order_id", one, status="CANCELLED", tracking_number=None
        ),
        set(),
    ),
    "shipped_twice": (
        lambda shop, one: shop.copied("delivery", "shipments", "order_id", one, tracking_number="FV2"),
        {"shipment_disagrees", "label_disagrees"},
    ),
    "label_disagrees": (
        lambda shop, one: shop.changed("delivery", "shipments", "order_id", one, tracking_number="FV3"),
        set(),
    ),
    "reservation_disagrees": (
        lambda shop, one: shop.removed("inventory", "inventory_reservations", "order_id", one),
        {"movements_disagree"},
    ),
    "movements_disagree": (
        lambda shop, one: shop.copied(
            "inventory",
            "inventory_movements",
            "reference_id",
            one,
            warehouse_id=uuid4(),
            movement_type="RESERVED",
        ),
        {"level_disagrees"},
    ),
    "shipped_too_much": (
        lambda shop, one: shop.copied(
            "inventory", "inventory_movements", "reference_id", one, movement_type="SHIPPED", quantity=5
        ),
        {"movements_disagree", "level_disagrees"},
    ),
}


@pytest.mark.parametrize("check", IN_STORES)
def test_what_is_planted_into_a_store_is_found_and_named(shop: AuditedShop, check: str) -> None:
    plant, besides = IN_STORES[check]

    with plant(shop, shop.completed):
        found = shop.checks(shop.completed)
    after = shop.checks(shop.completed)

    assert check in found
    assert set(found) == {check} | besides
    assert after == []


def test_an_undone_order_that_still_holds_stock_is_found(shop: AuditedShop) -> None:
    refused = shop.orders["pay refused"]
    with shop.changed("inventory", "inventory_reservations", "order_id", refused, status="ACTIVE"):
        found = shop.checks(refused)
    assert found == ["movements_disagree", "reservation_disagrees", "reserved_units_disagree"]


def test_a_returned_order_whose_goods_did_not_come_back_is_found(shop: AuditedShop) -> None:
    back = shop.orders["returned"]
    with shop.changed("inventory", "inventory_reservations", "order_id", back, status="SHIPPED"):
        found = shop.checks(back)
    assert found == ["movements_disagree", "reservation_disagrees"]


def test_a_return_that_orders_and_coordination_see_differently_is_found(shop: AuditedShop) -> None:
    back = shop.orders["returned"]
    with shop.changed("orders", "orders", "id", back, status="COMPLETED"):
        found = shop.checks(back)
    assert {"journey_disagrees", "order_events_disagree", "payment_disagrees", "shipment_disagrees"} <= set(found)


def test_slices_of_any_size_find_every_order_once(shop: AuditedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    for rows in (2, 3, 7):
        monkeypatch.setattr(gathering, "ROWS", rows)
        assert shop.audit().orders == 16
        assert shop.audit(since=timedelta(hours=1)).orders == 16


def test_only_orders_placed_lately_are_looked_at_when_that_is_asked(shop: AuditedShop) -> None:
    with (
        shop.changed("orders", "orders", "id", shop.completed, created_at=LONG_AGO),
        shop.changed("coordination", "workflows", "id", shop.completed, created_at=LONG_AGO),
    ):
        assert shop.audit(since=timedelta(hours=1)).orders == 15


def test_an_accepted_order_that_nobody_knows_is_found_by_its_id(shop: AuditedShop) -> None:
    lost = uuid4()
    (found,) = shop.audit(lost).violations
    assert (found.check, found.order_id) == ("order_missing", lost)


def delivery_of(shop: AuditedShop) -> UUID:
    """Return what the product's units came with."""
    query = "SELECT reference_id FROM inventory_movements WHERE movement_type = 'RECEIVED' AND product_id = %s"
    ((delivery,),) = shop.platform.rows("inventory", query, shop.product_id)
    return UUID(str(delivery))


def level_checks(shop: AuditedShop) -> list[tuple[str, UUID | None]]:
    return sorted((one.check, one.product_id) for one in shop.audit().violations if one.product_id)


def test_a_level_that_its_movements_do_not_come_to_is_found(shop: AuditedShop) -> None:
    with shop.changed("inventory", "inventory", "product_id", shop.product_id, quantity_on_hand=99):
        found = level_checks(shop)
    assert found == [("level_disagrees", shop.product_id)]


def test_units_that_are_reserved_for_nobody_are_found(shop: AuditedShop) -> None:
    delivery = delivery_of(shop)
    with shop.changed("inventory", "inventory", "product_id", shop.product_id, quantity_reserved=1):
        changes = {"movement_type": "RESERVED", "quantity": 1, "reference_type": "DELIVERY"}
        with shop.copied("inventory", "inventory_movements", "reference_id", delivery, **changes):
            found = level_checks(shop)
    assert found == [("reserved_units_disagree", shop.product_id)]


def test_a_movement_of_a_kind_that_nobody_knows_is_found(shop: AuditedShop) -> None:
    delivery = delivery_of(shop)
    with shop.copied("inventory", "inventory_movements", "reference_id", delivery, movement_type="LOST"):
        found = level_checks(shop)
    assert found == [("unknown_movement", shop.product_id)]
