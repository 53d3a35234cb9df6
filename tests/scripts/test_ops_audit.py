"""`scripts/ops audit`: nothing wrong is overlooked, and nothing that is under way is called wrong."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager as Planted
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.sql import SQL

import local_servers
from auditing import gathering
from contexts.delivery.model import shipment_id
from contexts.orders.payment import payment_id
from operations import broker
from tests.journeys.shop import Shop
from tests.persistence.virtual_host import eventually

from .audited_shop import AuditedShop, audited_shop, journey_of
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


def mails_changed(shop: AuditedShop, order_id: UUID, changes: dict[str, Any]) -> list[str]:
    """Change an order's notifications, return the checks that fail then, and change them back."""
    with shop.notifications() as collection:
        before = collection.find({"metadata.order_id": str(order_id)}).to_list()
        collection.update_many({"metadata.order_id": str(order_id)}, {"$set": changes})
        try:
            return shop.checks(order_id)
        finally:
            for document in before:
                collection.replace_one({"_id": document["_id"]}, document)


def test_a_customer_who_was_told_nothing_is_found(shop: AuditedShop) -> None:
    other = str(uuid4())
    with shop.notifications() as collection:
        collection.update_many({"metadata.order_id": str(shop.completed)}, {"$set": {"metadata.order_id": other}})
        found = shop.checks(shop.completed)
        collection.update_many({"metadata.order_id": other}, {"$set": {"metadata.order_id": str(shop.completed)}})
    assert found == ["mail_disagrees", "unknown_mail"]


def test_a_customer_who_was_told_the_wrong_thing_is_found(shop: AuditedShop) -> None:
    assert mails_changed(shop, shop.completed, {"metadata.event_type": "order_rejected"}) == ["mail_disagrees"]


def test_a_mail_that_was_sent_and_did_not_arrive_is_found(shop: AuditedShop) -> None:
    assert mails_changed(shop, shop.completed, {"message_id": "<nobody@x>"}) == ["mail_lost", "unknown_mail"]


def test_a_customer_who_was_told_twice_is_found(shop: AuditedShop) -> None:
    with shop.notifications() as collection:
        (document,) = collection.find({"metadata.order_id": str(shop.completed)}).to_list()
        del document["_id"]
        again = collection.insert_one({**document, "key": "another recipient"}).inserted_id
        found = shop.checks(shop.completed)
        collection.delete_one({"_id": again})
    assert found == ["told_twice"]


def test_a_mail_that_was_refused_is_a_note(shop: AuditedShop) -> None:
    with shop.notifications() as collection:
        mine = {"metadata.order_id": str(shop.completed)}
        collection.update_one(mine, {"$set": {"status": "FAILED"}})
        report = shop.audit(shop.completed)
        collection.update_one(mine, {"$set": {"status": "SENT"}})
    assert report.violations == ()
    assert report.notes == ("1 mails were refused by their recipients' servers",)


def asked(shop: AuditedShop, operation: str, order_id: UUID, payment: UUID, **fields: object) -> None:
    """Ask the card network for something."""
    request = {
        "operation": operation,
        "idempotency_key": str(uuid4()),
        "payment_id": str(payment),
        "order_id": str(order_id),
        "amount_minor": 1299,
        "currency": "USD",
        "card_token": "tok_visa" if operation == "authorize" else None,
        "transaction_id": None,
        **fields,
    }
    _, (outcome,) = shop.gateway.ask("POST", "/v1/operations", [request])
    assert outcome["status"] == "approved", outcome


def booked(shop: AuditedShop, order_id: UUID, reference: UUID) -> None:
    """Have the carrier book a parcel."""
    booking = {
        "reference": str(reference),
        "order_id": str(order_id),
        "shipping_method": "STANDARD",
        "address": {},
        "pieces": 1,
    }
    _, (outcome,) = shop.carrier.ask("POST", "/v1/shipments", [booking])
    assert outcome["status"] == "booked", outcome


def test_money_that_the_gateway_took_twice_is_found(shop: AuditedShop) -> None:
    order_id, second = shop.spare.pop(), uuid4()
    asked(shop, "authorize", order_id, second)
    asked(shop, "capture", order_id, second)

    assert shop.checks(order_id) == ["charge_disagrees", "charged_too_much"]
    asked(shop, "refund", order_id, second)


def test_money_that_the_gateway_still_holds_for_an_undone_order_is_found(shop: AuditedShop) -> None:
    order_id, second = shop.orders["ship refused"], uuid4()
    asked(shop, "authorize", order_id, second)
    held = shop.checks(order_id)
    asked(shop, "void", order_id, second)

    assert held == ["charge_disagrees"]
    assert shop.checks(order_id) == []


def test_money_that_the_gateway_gave_back_and_orders_did_not_hear_of_is_found(shop: AuditedShop) -> None:
    order_id = shop.spare.pop()
    asked(shop, "refund", order_id, payment_id(order_id))
    assert shop.checks(order_id) == ["charge_disagrees"]


def test_a_label_that_was_bought_twice_is_found(shop: AuditedShop) -> None:
    order_id, second = shop.orders["return refused"], uuid4()
    booked(shop, order_id, second)
    twice = shop.checks(order_id)
    shop.carrier.ask("POST", "/v1/cancellations", [str(second)])

    assert twice == ["label_disagrees", "second_label"]
    assert shop.checks(order_id) == []


def test_a_label_that_is_alive_for_an_undone_order_is_found(shop: AuditedShop) -> None:
    order_id, label = shop.orders["pay refused"], uuid4()
    booked(shop, order_id, label)
    alive = shop.checks(order_id)
    shop.carrier.ask("POST", "/v1/cancellations", [str(label)])

    assert alive == ["label_disagrees"]


def test_what_belongs_to_no_order_is_found_in_every_store_and_at_every_provider(shop: AuditedShop) -> None:
    orphans = {thing: uuid4() for thing in ("journey", "reservation", "movement", "release", "shipment")}
    orphans |= {thing: uuid4() for thing in ("notification", "charge", "label")}
    with ExitStack() as stack:
        copied = [
            shop.copied("coordination", "sagas", "id", shop.completed, associated_id=orphans["journey"]),
            shop.copied(
                "inventory",
                "inventory_reservations",
                "order_id",
                shop.completed,
                order_id=orphans["reservation"],
            ),
            shop.copied(
                "inventory",
                "inventory_movements",
                "reference_id",
                shop.completed,
                reference_id=orphans["movement"],
            ),
            shop.copied(
                "delivery",
                "shipments",
                "order_id",
                shop.completed,
                order_id=orphans["shipment"],
                tracking_number=None,
            ),
        ]
        for one in copied:
            stack.enter_context(one)
        release = SQL("INSERT INTO released_orders (order_id) VALUES (%s)")
        shop.execute("inventory", release, orphans["release"])
        collection = stack.enter_context(shop.notifications())
        document = {**(collection.find_one() or {}), "_id": uuid4().hex, "key": "nobody's"}
        document["metadata"] = {**document["metadata"], "order_id": str(orphans["notification"])}
        collection.insert_one(document)
        asked(shop, "authorize", orphans["charge"], payment_id(orphans["charge"]))
        booked(shop, orphans["label"], shipment_id(orphans["label"]))

        found = {(one.check, one.order_id) for one in shop.audit().violations}

        shop.execute("inventory", SQL("DELETE FROM released_orders WHERE order_id = %s"), orphans["release"])
        collection.delete_one({"key": "nobody's"})
        asked(shop, "void", orphans["charge"], payment_id(orphans["charge"]))
        shop.carrier.ask("POST", "/v1/cancellations", [str(shipment_id(orphans["label"]))])

    assert found >= {(f"{thing}_without_order", order_id) for thing, order_id in orphans.items()}
    assert {check for check, order_id in found if check.endswith("without_order")} == {
        f"{thing}_without_order" for thing in orphans
    }


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


def test_what_comes_right_while_it_is_looked_at_again_is_no_violation(shop: AuditedShop) -> None:
    stack = ExitStack()
    stack.enter_context(shop.changed("delivery", "shipments", "order_id", shop.completed, tracking_number="FV9"))
    mending = threading.Timer(1.0, stack.close)
    mending.start()

    report = shop.audit(shop.completed, settle_seconds=30)
    mending.join()

    assert (report.violations, report.in_flight) == ((), 0)


def test_an_order_that_moves_between_two_looks_is_in_flight(shop: AuditedShop) -> None:
    over = threading.Event()

    def keep_moving() -> None:
        while not over.wait(0.02):
            shop.execute(
                "orders", SQL("UPDATE orders SET updated_at = clock_timestamp() WHERE id = %s"), shop.completed
            )

    moving = threading.Thread(target=keep_moving)
    with shop.changed("delivery", "shipments", "order_id", shop.completed, tracking_number="FV9"):
        moving.start()
        report = shop.audit(shop.completed, settle_seconds=1)
        over.set()
        moving.join()

    assert (report.violations, report.in_flight) == ((), 1)
    assert any("moved between two looks" in note for note in report.notes)


def test_a_message_in_an_outbox_keeps_its_order_in_flight(shop: AuditedShop) -> None:
    payload = b'[{"correlation_id":"%s"}]' % str(shop.completed).encode()
    into = SQL("INSERT INTO outbox (queue, actor, payload, available_at) VALUES ('x', 'x', %s, now() + '1 hour')")
    shop.execute("orders", into, payload)
    with shop.changed("delivery", "shipments", "order_id", shop.completed, tracking_number="FV9"):
        report = shop.audit(shop.completed)
    shop.execute("orders", SQL("DELETE FROM outbox WHERE actor = 'x'"))

    assert (report.violations, report.in_flight) == ((), 1)


def test_dead_letters_and_parked_messages_are_noted(shop: AuditedShop) -> None:
    into = SQL(
        "INSERT INTO dead_letters (id, message_type, payload, attempts, error, traceback)"
        " VALUES (%s, 'orders.CompleteOrder.v1', '{}', 10, 'E', 'T')"
    )
    shop.execute("orders", into, uuid4())
    shop.platform.host.put("orders.XQ", b"no message")
    with shop.variables():
        eventually(lambda: [one for one in broker.queues() if one["name"] == "orders.XQ" and one.get("messages")], 30)

    report = shop.audit(shop.completed)
    shop.execute("orders", SQL("DELETE FROM dead_letters"))
    shop.platform.host.take("orders.XQ")

    assert report.notes == ("dead letters in orders: 1 (orders.CompleteOrder.v1 1)", "parked in orders.XQ: 1")


def test_a_live_order_is_in_flight_and_asked_only_what_always_holds(shop: AuditedShop) -> None:
    shop.platform.kill("payments")
    order = Shop.order(shop.product_id)
    Shop(shop.platform).place(order)
    eventually(lambda: journey_of(shop, order) == "pay", 30)

    live = shop.audit(order.order_id)
    for second in (uuid4(), uuid4()):
        asked(shop, "authorize", order.order_id, second)
        asked(shop, "capture", order.order_id, second)
    charged_twice = shop.audit(order.order_id)

    assert (live.violations, live.in_flight, live.orders) == ((), 1, 1)
    assert any("journey place_order RUNNING" in note for note in live.notes)
    assert ([one.check for one in charged_twice.violations], charged_twice.in_flight) == (["charged_too_much"], 1)
    shop.platform.start("payments")


def test_what_may_wait_in_a_queue_is_in_flight_however_old_it_is(shop: AuditedShop) -> None:
    shop.platform.kill("notifications")
    order = Shop.order(shop.product_id)
    Shop(shop.platform).place(order)
    ended = "SELECT 1 FROM sagas WHERE id = %s AND status = 'COMPLETED'"
    eventually(lambda: shop.platform.rows("coordination", ended, order.order_id), 30)
    with shop.variables():
        eventually(lambda: notifications_that_wait(), 30)
    time.sleep(1)  # the stock leaves after the journey has ended

    with (
        shop.changed("orders", "orders", "id", order.order_id, updated_at=LONG_AGO),
        shop.changed("coordination", "sagas", "id", order.order_id, updated_at=LONG_AGO),
    ):
        waiting = shop.audit(order.order_id)
    shop.platform.host.take("notifications")  # lost
    with shop.variables():
        eventually(lambda: not notifications_that_wait(), 30)
    lost = shop.checks(order.order_id)

    assert (waiting.violations, waiting.in_flight) == ((), 1)
    assert any("what may be in notifications, not seen empty since" in note for note in waiting.notes)
    assert lost == ["mail_disagrees"]


def notifications_that_wait() -> int:
    (queue,) = [one for one in broker.queues() if one["name"] == "notifications"]
    return int(queue.get("messages") or 0)


def test_copies_of_a_mail_beyond_its_attempts_are_found_and_others_are_noted(shop: AuditedShop) -> None:
    mine = {"metadata.order_id": str(shop.completed)}
    with shop.notifications() as collection, shop.variables():
        document = collection.find_one(mine) or {}
        directory = local_servers.maildir() / "new"
        (mail,) = [one for one in directory.iterdir() if document["message_id"].encode() in one.read_bytes()]
        copy = directory / f"{mail.name}-copy"
        copy.write_bytes(mail.read_bytes())
        doubled = shop.audit(shop.completed)
        collection.update_one(mine, {"$set": {"attempts": 2}})
        retried = shop.audit(shop.completed)
        collection.update_one(mine, {"$set": {"attempts": document["attempts"]}})
        copy.unlink()

    assert [one.check for one in doubled.violations] == ["mail_doubled"]
    assert not any("arrived more than once" in note for note in doubled.notes)
    assert retried.violations == ()
    assert any("1 mails arrived more than once" in note for note in retried.notes)
