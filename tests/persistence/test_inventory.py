"""Stock in a real PostgreSQL: what was decided is found again, and nothing is sold twice however many want it."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Barrier
from uuid import UUID, uuid4

import psycopg
import pytest

from contexts.inventory.messages import (
    ExpireReservations,
    Line,
    ReceiveStock,
    ReleaseStock,
    ReserveStock,
    RestockReturn,
    ShowStock,
)
from contexts.inventory.model import HOLD, Hold, NotShipped, OutOfStock
from contexts.orders.messages import OrderCompleted, PricedLine
from persistence.inventory import StockTables
from persistence.postgres_store import PostgresStore

from .conftest import Open
from .transactions import loaded

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WAREHOUSE = uuid4()


@pytest.fixture
def store(open_store: Open) -> PostgresStore:
    return open_store("inventory")


def received(store: PostgresStore, quantity: int, warehouse: UUID = WAREHOUSE, product_id: UUID | None = None) -> UUID:
    """Book a delivery; return its product."""
    product_id = product_id or uuid4()
    command = ReceiveStock(delivery_id=uuid4(), product_id=product_id, warehouse_id=warehouse, quantity=quantity)
    with loaded(store, StockTables, command) as stocks:
        stocks.receive(command, NOW)
    return product_id


def wanted(*lines: tuple[UUID, int], order_id: UUID | None = None) -> ReserveStock:
    listed = tuple(Line(product_id=product_id, quantity=quantity) for product_id, quantity in lines)
    return ReserveStock(order_id=order_id or uuid4(), lines=listed)


def reserve(store: PostgresStore, *commands: ReserveStock, now: datetime = NOW) -> list[bool]:
    """Reserve in one transaction; tell which orders are held."""
    held = []
    with loaded(store, StockTables, *commands) as stocks:
        for command in commands:
            try:
                stocks.reserve(command.order_id, command.lines, now)
            except OutOfStock:
                held.append(False)
            else:
                held.append(True)
    return held


def release(store: PostgresStore, command: ReserveStock) -> None:
    order = ReleaseStock(order_id=command.order_id, lines=command.lines)
    with loaded(store, StockTables, order) as stocks:
        stocks.release(order.order_id, NOW)


def ship(store: PostgresStore, command: ReserveStock) -> None:
    lines = tuple(
        PricedLine(
            product_id=line.product_id, sku="x", name="x", quantity=line.quantity, unit_price_minor=0, total_minor=0
        )
        for line in command.lines
    )
    event = OrderCompleted(
        order_id=command.order_id,
        order_number="x",
        customer_id=uuid4(),
        email="x",
        total_minor=0,
        currency="USD",
        lines=lines,
    )
    with loaded(store, StockTables, event) as stocks:
        stocks.ship(event.order_id, NOW)


def ship_and_take_back(store: PostgresStore, command: ReserveStock) -> None:
    ship(store, command)
    take_back(store, command)


def take_back(store: PostgresStore, command: ReserveStock, now: datetime = NOW) -> None:
    order = RestockReturn(order_id=command.order_id, lines=command.lines)
    with loaded(store, StockTables, order) as stocks:
        stocks.restock(order.order_id, now)


def counters(store: PostgresStore, product_id: UUID) -> list[tuple[int, int]]:
    """Return (on hand, reserved) of each warehouse, as a fresh repository loads them."""
    with loaded(store, StockTables, ShowStock(product_id=product_id, reply_to="", query_id=uuid4())) as stocks:
        return [(level.on_hand, level.reserved) for level in stocks.levels.get(product_id, [])]


def replayed(store: PostgresStore, product_id: UUID) -> Counter[tuple[UUID, str]]:
    """Rebuild the counters of each warehouse from the ledger alone."""
    with store.transaction() as transaction:
        rows = transaction.connection.execute(
            "SELECT warehouse_id, movement_type, quantity FROM inventory_movements WHERE product_id = %s", (product_id,)
        ).fetchall()
    effects = {"RECEIVED": (1, 0), "RESERVED": (0, 1), "RELEASED": (0, -1), "SHIPPED": (-1, -1), "RETURNED": (1, 0)}
    sums: Counter[tuple[UUID, str]] = Counter()
    for warehouse, movement, quantity in rows:
        on_hand, reserved = effects[movement]
        sums[warehouse, "on_hand"] += on_hand * quantity
        sums[warehouse, "reserved"] += reserved * quantity
    return sums


def test_what_is_reserved_released_and_shipped_is_found_again(store: PostgresStore) -> None:
    product_id = received(store, 10)
    first, second = wanted((product_id, 3)), wanted((product_id, 4))

    assert reserve(store, first, second) == [True, True]
    assert counters(store, product_id) == [(10, 7)]
    release(store, first)
    assert counters(store, product_id) == [(10, 4)]
    ship(store, second)
    assert counters(store, product_id) == [(6, 0)]
    with loaded(store, StockTables, first, second) as stocks:
        assert [held.status for held in stocks.reservations[first.order_id]] == [Hold.RELEASED]
        assert [held.status for held in stocks.reservations[second.order_id]] == [Hold.SHIPPED]
        assert stocks.reservations[first.order_id][0].expires_at == NOW + HOLD


def test_reserving_releasing_and_shipping_twice_is_doing_it_once(store: PostgresStore) -> None:
    product_id = received(store, 10)
    kept, given_back = wanted((product_id, 2)), wanted((product_id, 3))

    assert reserve(store, kept, given_back, kept) == [True, True, True]
    assert reserve(store, kept) == [True]
    for _ in range(2):
        release(store, given_back)
        ship(store, kept)

    assert counters(store, product_id) == [(8, 0)]


def test_what_comes_back_is_found_again_and_comes_back_once(store: PostgresStore) -> None:
    product_id, later = received(store, 10), NOW + timedelta(days=1)
    command = wanted((product_id, 3))
    reserve(store, command)
    with pytest.raises(NotShipped):
        take_back(store, command)
    ship(store, command)

    for _ in range(2):
        take_back(store, command, later)

    assert counters(store, product_id) == [(10, 0)]
    with store.transaction() as transaction:
        rows = transaction.connection.execute(
            "SELECT status, shipped_at, returned_at FROM inventory_reservations WHERE order_id = %s",
            (command.order_id,),
        ).fetchall()
    assert rows == [("RETURNED", NOW, later)]
    ship(store, command)
    assert counters(store, product_id) == [(10, 0)]


def test_an_order_that_comes_back_locks_the_stock_of_its_products(store: PostgresStore) -> None:
    products = [received(store, 100) for _ in range(2)]
    orders = [wanted(*((product, 1) for product in products[:: 1 if place % 2 else -1])) for place in range(16)]
    for command in orders:
        reserve(store, command)
        ship(store, command)
    together = Barrier(8)

    def work(thread: int) -> None:
        together.wait()
        for command in orders[thread::8]:
            take_back(store, command)
            reserve(store, wanted((products[thread % 2], 1)))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))

    assert [counters(store, product) for product in products] == [[(100, 8)], [(100, 8)]]


def test_an_order_that_was_released_before_it_was_reserved_holds_nothing_ever(store: PostgresStore) -> None:
    product_id = received(store, 5)
    command = wanted((product_id, 1))

    release(store, command)

    assert reserve(store, command) == [False]
    assert counters(store, product_id) == [(5, 0)]


def test_an_order_takes_from_several_warehouses_only_if_none_has_all(store: PostgresStore) -> None:
    product_id = received(store, 3)
    received(store, 5, uuid4(), product_id)

    assert reserve(store, wanted((product_id, 4))) == [True]
    assert sorted(counters(store, product_id)) == [(3, 0), (5, 4)]
    assert reserve(store, wanted((product_id, 4))) == [True]
    assert sorted(counters(store, product_id)) == [(3, 3), (5, 5)]
    assert reserve(store, wanted((product_id, 1))) == [False]


def test_a_line_that_cannot_be_held_leaves_the_others_untouched(store: PostgresStore) -> None:
    plenty, scarce = received(store, 10), received(store, 1)

    assert reserve(store, wanted((plenty, 5), (scarce, 2))) == [False]
    assert reserve(store, wanted((scarce, 1), (uuid4(), 1))) == [False]
    assert reserve(store, wanted((scarce, 1), (scarce, 1))) == [False]

    assert counters(store, plenty) == [(10, 0)]
    assert counters(store, scarce) == [(1, 0)]


def test_sixteen_threads_over_the_last_ten_units_never_oversell_and_never_deadlock(store: PostgresStore) -> None:
    first, second = received(store, 10), received(store, 10)
    together = Barrier(16)

    def buy(thread: int) -> int:
        lines = [(first, 1), (second, 1)]
        together.wait()
        return sum(held for _ in range(4) for held in reserve(store, wanted(*lines[:: 1 if thread % 2 else -1])))

    with ThreadPoolExecutor(16) as threads:
        sold = sum(threads.map(buy, range(16)))

    assert sold == 10
    assert counters(store, first) == counters(store, second) == [(10, 10)]


def test_batches_that_lock_the_same_products_in_any_order_never_deadlock(store: PostgresStore) -> None:
    products = [received(store, 1000) for _ in range(6)]
    together = Barrier(8)

    def work(seed: int) -> None:
        dice = Random(seed)
        together.wait()
        for _ in range(5):
            batch = [wanted(*((product, 1) for product in dice.sample(products, 3))) for _ in range(10)]
            assert all(reserve(store, *batch))
            release(store, batch[0])
            ship(store, batch[1])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))

    held = sum(reserved for product in products for _, reserved in counters(store, product))
    assert held == 8 * 5 * 8 * 3


def test_the_ledger_replays_to_the_levels_and_each_line_tells_the_counters_behind_it(store: PostgresStore) -> None:
    dice = Random(7)
    product_id = received(store, 40)
    received(store, 30, uuid4(), product_id)
    for _ in range(40):
        command = wanted((product_id, dice.randint(1, 9)))
        if reserve(store, command) == [True]:
            dice.choice([release, ship, ship_and_take_back, lambda *_: None])(store, command)

    sums = replayed(store, product_id)
    with store.transaction() as transaction:
        levels = transaction.connection.execute(
            "SELECT warehouse_id, quantity_on_hand, quantity_reserved FROM inventory WHERE product_id = %s",
            (product_id,),
        ).fetchall()
        last = transaction.connection.execute(
            "SELECT DISTINCT ON (warehouse_id) warehouse_id, on_hand_after, reserved_after FROM inventory_movements"
            " WHERE product_id = %s ORDER BY warehouse_id, xmin::text::bigint DESC",
            (product_id,),
        ).fetchall()
    assert len(levels) == 2
    for warehouse, on_hand, reserved in levels:
        assert (sums[warehouse, "on_hand"], sums[warehouse, "reserved"]) == (on_hand, reserved)
    assert sorted(last) == sorted(levels)


def test_a_hold_that_is_over_is_told_once_and_goes_on(store: PostgresStore) -> None:
    product_id = received(store, 5)
    command = wanted((product_id, 1))
    # Long before every hold of the other tests is over: one sweep tells of some hundred holds, not of all.
    then = NOW - timedelta(days=365)
    reserve(store, command, now=then - HOLD)

    def told(at: datetime) -> list[UUID]:
        with loaded(store, StockTables, ExpireReservations(at=at)) as stocks:
            return [order_id for order_id in stocks.expire(at) if order_id == command.order_id]

    assert told(then) == [command.order_id]
    assert told(then) == []
    assert told(then + HOLD) == [command.order_id]
    assert counters(store, product_id) == [(5, 1)]


def test_a_hold_that_is_over_is_told_once_of_a_batch_that_asks_twice_and_can_be_released_in_it(
    store: PostgresStore,
) -> None:
    product_id = received(store, 5)
    command = wanted((product_id, 1))
    then = NOW - timedelta(days=1000)
    reserve(store, command, now=then - HOLD)
    asked = [ExpireReservations(at=then), ExpireReservations(at=then + timedelta(minutes=1))]
    release = ReleaseStock(order_id=command.order_id, lines=command.lines)

    with loaded(store, StockTables, *asked, release) as stocks:
        told = [order_id for one in asked for order_id in stocks.expire(one.at)]
        stocks.release(command.order_id, then)

    assert told.count(command.order_id) == 1
    assert counters(store, product_id) == [(5, 0)]


def test_holds_that_are_being_settled_are_left_out_when_others_are_told(store: PostgresStore) -> None:
    product_id = received(store, 5)
    settled, late = wanted((product_id, 1)), wanted((product_id, 1))
    then = NOW - timedelta(days=700)
    reserve(store, settled, late, now=then - HOLD)

    with store.transaction() as transaction:
        transaction.connection.execute(
            "SELECT 1 FROM inventory_reservations WHERE order_id = %s FOR UPDATE", (settled.order_id,)
        )
        with loaded(store, StockTables, ExpireReservations(at=then)) as stocks:
            told = stocks.expire(then)

    assert set(told) & {settled.order_id, late.order_id} == {late.order_id}


def test_a_changed_level_is_shown_and_a_product_that_never_came_is_not(store: PostgresStore) -> None:
    product_id = received(store, 5)
    command = wanted((product_id, 2))
    with loaded(store, StockTables, command) as stocks:
        stocks.reserve(command.order_id, command.lines, NOW)
        (view,) = stocks.changed_views()
    assert (view.identity, view.part, view.body) == (str(product_id), "stock", {"available": 3})

    queries = [ShowStock(product_id=one, reply_to="", query_id=uuid4()) for one in (product_id, uuid4())]
    with loaded(store, StockTables, *queries) as stocks:
        shown = stocks.view(product_id)
        assert shown == view
        assert stocks.view(queries[1].product_id) is None


@pytest.mark.parametrize("column", ["quantity_on_hand = -1", "quantity_reserved = 99", "quantity_reserved = -1"])
def test_the_database_itself_refuses_impossible_counters(
    store: PostgresStore, schemas: Callable[[str], str], column: str
) -> None:
    product_id = received(store, 5)

    with psycopg.connect(schemas("inventory")) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(f"UPDATE inventory SET {column} WHERE product_id = %s".encode(), (product_id,))


def test_a_delivery_to_a_warehouse_cannot_be_booked_twice(store: PostgresStore) -> None:
    delivery = ReceiveStock(delivery_id=uuid4(), product_id=uuid4(), warehouse_id=uuid4(), quantity=5)

    def book() -> None:
        with loaded(store, StockTables, delivery) as stocks:
            stocks.receive(delivery, NOW)

    book()
    with pytest.raises(psycopg.errors.UniqueViolation):
        book()

    assert counters(store, delivery.product_id) == [(5, 0)]
