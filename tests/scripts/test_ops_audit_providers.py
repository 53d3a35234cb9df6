"""`scripts/ops audit` against card network, carrier and mails: what they have and we do not, or twice, is found."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.sql import SQL

import local_servers
from contexts.delivery.model import shipment_id
from contexts.orders.payment import payment_id

from .audited_shop import AuditedShop, asked, audited_shop

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditedShop]:
    with audited_shop(tmp_path_factory.mktemp("providers")) as opened:
        yield opened


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
