"""`scripts/ops audit` of what is under way: nothing of it is called wrong that may yet come right."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from psycopg.sql import SQL

from operations import broker
from tests.journeys.shop import Shop
from tests.persistence.virtual_host import eventually

from .audited_shop import AuditedShop, asked, audited_shop, journey_of

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditedShop]:
    with audited_shop(tmp_path_factory.mktemp("providers")) as opened:
        yield opened


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
