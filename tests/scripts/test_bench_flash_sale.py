"""The flash sale: exactly what there is can be sold, and whoever sells more or less is told so."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from benchmarking import flash_sale_orders
from benchmarking.flash_sale_figures import FlashSale
from benchmarking.flash_sale_round import Ran, sold_exactly
from benchmarking.platform import PlatformFailedError
from contexts.inventory.messages import ReceiveStock
from demonstration import stock
from demonstration.catalogue import product_id
from demonstration.databases import looking_into
from persistence.databases import url_variable
from tests.persistence.own_schemas import own_schema

ROOT = Path(__file__).resolve().parents[2]

#: Seconds that a small sale may take on a machine that does other things too.
PATIENCE = 240.0

_LEVEL = "INSERT INTO inventory (product_id, warehouse_id, quantity_on_hand) VALUES (%s, %s, %s)"


def test_what_was_sold_is_told_of_the_round_that_is_farthest_from_right() -> None:
    found = sales(500, 500, 501, 500)

    assert (found.sold, found.is_good) == (501, False)


def test_the_ratio_is_that_of_the_medians() -> None:
    found = FlashSale(100, 10, 1)
    for sale, uniform in ((80.0, 100.0), (90.0, 1000.0), (1.0, 90.0)):
        found.add_sale(Ran(10, sale, []))
        found.add_uniform(Ran(100, uniform, []))

    assert (found.as_json()["rate"], found.as_json()["uniform_rate"], found.as_json()["ratio"]) == (80, 100, 0.8)
    assert found.is_good


def test_a_violation_of_either_kind_of_round_is_kept() -> None:
    found = sales(500, 500)
    found.add_sale(Ran(500, 1.0, ["order 1: wrong"]))
    found.add_uniform(Ran(1000, 1.0, ["order 2: wrong"]))

    assert (found.as_json()["violations"], found.is_good) == (["order 1: wrong", "order 2: wrong"], False)


@pytest.mark.parametrize(("completed", "left"), [(11, 0), (9, 0), (9, 1), (10, 1), (10, -1)])
def test_a_sale_of_more_or_less_than_there_is_is_a_violation(completed: int, left: int) -> None:
    assert sold_exactly(10, 10, 0) == []
    assert sold_exactly(completed, 10, left)


def test_every_order_of_a_sale_is_another_customers_for_one_unit_of_the_same() -> None:
    orders = flash_sale_orders.of_one(2_000_00, 50)

    assert {order.purchase.lines for order in orders} == {((2_000_00, 1),)}
    assert len({order.purchase.customer for order in orders}) == 50


def test_orders_over_many_products_want_each_of_them_as_often() -> None:
    count = 3 * len(flash_sale_orders.MANY)
    wanted = Counter(order.purchase.lines for order in flash_sale_orders.of_many(count))

    assert set(wanted.values()) == {3}
    assert len(wanted) == len(flash_sale_orders.MANY)


@pytest.mark.usefixtures("warehouses")
def test_a_product_that_was_ever_in_stock_is_in_no_further_sale() -> None:
    first, second = flash_sale_orders.never_stocked(2)
    put(first, 0)

    assert flash_sale_orders.never_stocked(1) == [second]


@pytest.mark.usefixtures("warehouses")
def test_when_no_product_is_left_for_a_sale_that_is_said() -> None:
    with pytest.raises(PlatformFailedError, match="used up"):
        flash_sale_orders.never_stocked(len(flash_sale_orders.FRESH) + 1)


@pytest.mark.usefixtures("warehouses")
def test_a_sales_product_is_delivered_to_the_unit_and_the_others_for_all_rounds() -> None:
    (cents,) = flash_sale_orders.never_stocked(1)
    uniform = flash_sale_orders.of_many(10)
    put(uniform[0].purchase.cents, 4)

    delivered = Counter[object]()
    for one in flash_sale_orders.deliveries([cents], 11, uniform, rounds=2, run=uuid4()):
        assert isinstance(one.body, ReceiveStock)
        delivered[one.body.product_id] += one.body.quantity

    enough = 2 * len(stock.WAREHOUSES)
    assert delivered[product_id(cents)] == 11
    assert delivered[product_id(uniform[0].purchase.cents)] == enough - 4
    assert delivered[product_id(uniform[1].purchase.cents)] == enough


def test_a_sale_through_the_real_processes_sells_every_unit_once(tmp_path: Path) -> None:
    file = tmp_path / "sale.json"

    ended = bench("--orders", "40", "--units", "7", "--rounds", "1", "--connections", "20", "--json", str(file))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(file.read_text())
    assert (found["sold"], found["violations"]) == (7, [])
    assert found["ratio"] == pytest.approx(found["rate"] / found["uniform_rate"], abs=0.001)
    assert found["rate"] > 0


def test_more_units_than_orders_are_no_flash_sale() -> None:
    ended = bench("--orders", "5", "--units", "6")

    assert ended.returncode == 2
    assert "5 orders cannot buy 6 units" in ended.stderr


@pytest.fixture
def warehouses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An inventory of its own, with empty warehouses."""
    with own_schema("inventory") as url:
        monkeypatch.setenv(url_variable("inventory"), url)
        stock.open_warehouses()
        yield


def put(cents: int, units: int) -> None:
    """Put units of a product into the first warehouse."""
    with looking_into("inventory", writing=True) as connection:
        connection.execute(_LEVEL, (product_id(cents), stock.warehouse_id(stock.WAREHOUSES[0][0]), units))


def sales(units: int, *sold: int) -> FlashSale:
    """Rounds in which so many were sold."""
    found = FlashSale(1000, units, 1)
    for number in sold:
        found.add_sale(Ran(number, 1.0, []))
        found.add_uniform(Ran(1000, 1.0, []))
    return found


def bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run it as a person at the terminal does."""
    command = [sys.executable, "scripts/bench", "flash-sale", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
