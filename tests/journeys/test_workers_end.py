"""Workers that are killed, or told to end, in the middle of the work: nothing is lost and nothing is done twice."""

import os
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from uuid import UUID

from contexts.orders.messages import AuthorizePayment, PlaceOrder
from contexts.orders.payment import payment_id
from contexts.subscriptions import QUEUES
from tests.persistence.virtual_host import eventually

from .platform import ROOT, Platform, platform
from .shop import DECLINED_CARD, GOOD_CARD, Shop


def assert_totals_are_right(shop: Shop, orders: list[PlaceOrder], units: int) -> None:
    """Every order is as its card says, and orders, gateway and inventory agree on the sums."""
    product_id = orders[0].lines[0].product_id
    good = [order for order in orders if order.payment.token == GOOD_CARD]
    statuses = dict(
        shop.platform.rows(
            "orders", "SELECT id, status FROM orders WHERE id = ANY(%s)", [order.order_id for order in orders]
        )
    )
    assert statuses == {
        order.order_id: "COMPLETED" if order.payment.token == GOOD_CARD else "REJECTED" for order in orders
    }
    captured = "SELECT sum(captured_amount) FROM payments WHERE order_id = ANY(%s)"
    ((amount,),) = shop.platform.rows("orders", captured, [order.order_id for order in orders])
    charges = shop.platform.at_gateway(*(payment_id(order.order_id) for order in orders))
    assert int(amount * 100) == sum(charge["captured_minor"] for charge in charges) == 1299 * len(good)
    assert [charge["refunded_minor"] for charge in charges] == [0] * len(good)
    assert shop.counters(product_id) == (units - len(good), 0)


def some_are_final(shop: Shop, order_ids: list[UUID], more_than: int) -> bool:
    """Tell whether the work has begun, and is not yet done."""
    return shop.final(order_ids) > more_than


def orders_of(shop: Shop, count: int, units: int) -> list[PlaceOrder]:
    """Orders of one unit each; every tenth card is declined."""
    product_id = shop.stock(units)
    return [shop.order(product_id, card=GOOD_CARD if number % 10 else DECLINED_CARD) for number in range(count)]


def test_a_hundred_orders_survive_workers_that_are_killed(shop: Shop) -> None:
    orders = orders_of(shop, 100, 200)
    ids = [order.order_id for order in orders]
    for begin, victim in enumerate(("orders", "inventory", "coordination", "delivery")):
        shop.place(*orders[begin * 25 : begin * 25 + 25])
        eventually(partial(some_are_final, shop, ids, begin * 25))
        shop.platform.kill(victim)
        shop.platform.start(victim)

    shop.wait_until_final(*orders, seconds=45)
    assert_totals_are_right(shop, orders, 200)


def test_a_worker_that_is_told_to_end_does_so_in_time_and_loses_nothing(shop: Shop) -> None:
    orders = orders_of(shop, 60, 100)
    for part, context in enumerate(QUEUES):
        shop.place(*orders[part * 10 : part * 10 + 10])
        code, seconds = shop.platform.terminate(context)
        assert code == 0
        assert seconds < 20
        shop.platform.start(context)

    shop.wait_until_final(*orders, seconds=30)
    assert_totals_are_right(shop, orders, 100)


def test_a_signal_to_end_can_come_to_no_thread_of_a_worker_but_the_one_that_waits_for_it(shop: Shop) -> None:
    """The kernel may give it to any thread that does not block it, and none but the main one would act on it."""
    worker = shop.platform.processes["payments"].pid
    ending = {signal.SIGTERM, signal.SIGINT}
    others = [thread for thread in Path(f"/proc/{worker}/task").iterdir() if thread.name != str(worker)]

    assert others
    for thread in others:
        (blocked,) = [line for line in (thread / "status").read_text().splitlines() if line.startswith("SigBlk:")]
        mask = int(blocked.split()[1], 16)
        assert all(mask >> (number - 1) & 1 for number in ending), (thread / "comm").read_text()
    code, seconds = shop.platform.terminate("payments")
    shop.platform.start("payments")

    assert code == 0
    assert seconds < 20


def test_a_worker_ends_in_time_while_a_card_network_keeps_it_waiting() -> None:
    """A hundred calls that are never answered, eight at once: it would take two minutes to wait for all of them."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent, platform() as own:
        card_network = f"stripe+http://sk_test@127.0.0.1:{silent.getsockname()[1]}"
        running = Platform(own.host, {**own.variables, "PAYMENT_GATEWAY_URL": card_network}, own.processes)
        shop = Shop(running)
        running.start("catalog", "orders", "payments")
        product_id = shop.stock(0)
        orders = [shop.order(product_id) for _ in range(100)]
        ids = [order.order_id for order in orders]
        shop.place(*orders)
        eventually(lambda: running.rows("orders", "SELECT count(*) FROM orders WHERE id = ANY(%s)", ids) == [(100,)])
        running.send(*(AuthorizePayment(order_id=one, card_token=GOOD_CARD) for one in ids))
        silent.settimeout(20)
        accepted = [silent.accept()[0] for _ in range(8)]

        code, seconds = running.terminate("payments")

        assert code == 0
        assert seconds < 35
        for one in accepted:
            one.close()
        eventually(lambda: running.host.ready("payments") > 0)


def test_a_worker_that_cannot_reach_its_database_says_so_when_it_starts() -> None:
    nowhere = "postgresql+psycopg://delivery:secret@127.0.0.1:1/delivery"
    ended = subprocess.run(
        [sys.executable, "-m", "actors", "delivery"],
        cwd=ROOT,
        env={**os.environ, "DELIVERY_DATABASE_URL": nowhere},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert "delivery cannot start, its database is away" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "secret" not in ended.stderr
