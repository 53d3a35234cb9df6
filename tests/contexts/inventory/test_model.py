"""Stock is held for whole orders or not at all, and a hold is given back, shipped or told of when its time is over."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from contexts.inventory.model import (
    HOLD,
    AlreadyShipped,
    Hold,
    Level,
    Movement,
    NotHeld,
    NotShipped,
    OutOfStock,
    Stocks,
    allocate,
)
from tests.contexts.examples import NOW

from .received import BOX, CD, EAST, WEST, lines, stocks


def counters(stock: Stocks) -> dict[tuple[UUID, UUID], tuple[int, int]]:
    """Return what is on hand and what of it is held, by product and warehouse."""
    levels = [level for listed in stock.levels.values() for level in listed]
    return {(one.product_id, one.warehouse_id): (one.on_hand, one.reserved) for one in levels}


def test_what_arrives_can_be_ordered() -> None:
    stock = stocks((CD, EAST, 3), (CD, EAST, 2), (CD, WEST, 1))

    assert stock.available(CD) == 6
    assert counters(stock) == {(CD, EAST): (5, 0), (CD, WEST): (1, 0)}


def test_what_never_arrived_cannot_be_ordered() -> None:
    with pytest.raises(OutOfStock, match=r"1 of product .* wanted, 0 available"):
        stocks().reserve(uuid4(), lines((CD, 1)), NOW)


def test_an_order_holds_every_line_until_its_time_is_over() -> None:
    stock = stocks((CD, EAST, 5), (BOX, EAST, 1))

    assert stock.reserve(uuid4(), lines((CD, 2), (BOX, 1)), NOW) == NOW + HOLD
    assert (stock.available(CD), stock.available(BOX)) == (3, 0)
    assert counters(stock) == {(CD, EAST): (5, 2), (BOX, EAST): (1, 1)}


def test_the_last_unit_is_held_once() -> None:
    stock = stocks((CD, EAST, 1))
    stock.reserve(uuid4(), lines((CD, 1)), NOW)

    with pytest.raises(OutOfStock):
        stock.reserve(uuid4(), lines((CD, 1)), NOW)


def test_two_lines_of_one_product_are_summed() -> None:
    stock = stocks((CD, EAST, 3))

    with pytest.raises(OutOfStock) as refusal:
        stock.reserve(uuid4(), lines((CD, 2), (CD, 2)), NOW)

    assert (refusal.value.product_id, refusal.value.requested, refusal.value.available) == (CD, 4, 3)


def test_two_lines_of_one_product_are_held_together() -> None:
    stock, order_id = stocks((CD, EAST, 5)), uuid4()

    stock.reserve(order_id, lines((CD, 2), (CD, 2)), NOW)

    assert [one.quantity for one in stock.reservations[order_id]] == [4]


def test_a_refusal_changes_nothing() -> None:
    stock = stocks((CD, EAST, 5), (BOX, EAST, 1))
    before, ledger, versions = counters(stock), list(stock.ledger), [one.version for one in stock.levels[CD]]
    order_id = uuid4()

    with pytest.raises(OutOfStock):
        stock.reserve(order_id, lines((CD, 2), (BOX, 2)), NOW)

    assert (counters(stock), stock.ledger, stock.reservations) == (before, ledger, {})
    assert [one.version for one in stock.levels[CD]] == versions


def test_an_order_that_is_held_is_not_held_again() -> None:
    stock, order_id = stocks((CD, EAST, 5)), uuid4()
    first = stock.reserve(order_id, lines((CD, 2)), NOW)

    assert stock.reserve(order_id, lines((CD, 2)), NOW + timedelta(minutes=1)) == first
    assert stock.available(CD) == 3


@pytest.mark.parametrize(
    ("east", "west", "wanted", "shares"),
    [
        (5, 5, 3, [(EAST, 3)]),
        (2, 5, 3, [(WEST, 3)]),
        (2, 2, 3, [(EAST, 2), (WEST, 1)]),
        (0, 3, 3, [(WEST, 3)]),
        (3, 3, 6, [(EAST, 3), (WEST, 3)]),
    ],
    ids=["the first that has all", "one that has all before two", "both", "not the empty one", "everything"],
)
def test_an_order_comes_out_of_one_warehouse_where_one_has_all(
    east: int, west: int, wanted: int, shares: list[tuple[UUID, int]]
) -> None:
    levels = [Level(CD, WEST, priority=2, on_hand=west), Level(CD, EAST, priority=1, on_hand=east)]

    assert [(level.warehouse_id, share) for level, share in allocate(levels, wanted)] == shares


def test_what_is_held_already_is_not_allocated() -> None:
    held, free = Level(CD, EAST, priority=1, on_hand=5, reserved=4), Level(CD, WEST, priority=2, on_hand=5)

    assert allocate([held, free], 2) == [(free, 2)]


def test_what_is_released_can_be_ordered_again() -> None:
    stock, order_id = stocks((CD, EAST, 1), (CD, WEST, 1)), uuid4()
    stock.reserve(order_id, lines((CD, 2)), NOW)

    stock.release(order_id, NOW)

    assert stock.available(CD) == 2
    assert {one.status for one in stock.reservations[order_id]} == {Hold.RELEASED}
    stock.reserve(uuid4(), lines((CD, 2)), NOW)


def test_releasing_twice_is_releasing_once() -> None:
    stock, order_id = stocks((CD, EAST, 3)), uuid4()
    stock.reserve(order_id, lines((CD, 2)), NOW)
    stock.release(order_id, NOW)
    before, ledger = counters(stock), len(stock.ledger)

    stock.release(order_id, NOW)

    assert (counters(stock), len(stock.ledger)) == (before, ledger)


def test_a_release_that_comes_first_forbids_the_reservation() -> None:
    stock, order_id = stocks((CD, EAST, 3)), uuid4()
    stock.release(order_id, NOW)

    with pytest.raises(OutOfStock):
        stock.reserve(order_id, lines((CD, 1)), NOW)

    assert stock.newly_released == {order_id}
    assert stock.available(CD) == 3


def test_an_order_that_was_released_is_not_held_again() -> None:
    stock, order_id = stocks((CD, EAST, 3)), uuid4()
    stock.reserve(order_id, lines((CD, 1)), NOW)
    stock.release(order_id, NOW)

    with pytest.raises(OutOfStock):
        stock.reserve(order_id, lines((CD, 1)), NOW)

    assert stock.available(CD) == 3


def test_what_is_shipped_is_gone() -> None:
    stock, order_id = stocks((CD, EAST, 3)), uuid4()
    stock.reserve(order_id, lines((CD, 2)), NOW)

    stock.ship(order_id, NOW)

    assert counters(stock) == {(CD, EAST): (1, 0)}
    assert {one.status for one in stock.reservations[order_id]} == {Hold.SHIPPED}


def test_shipping_twice_is_shipping_once() -> None:
    stock, order_id = stocks((CD, EAST, 3)), uuid4()
    stock.reserve(order_id, lines((CD, 2)), NOW)
    stock.ship(order_id, NOW)

    stock.ship(order_id, NOW)

    assert counters(stock) == {(CD, EAST): (1, 0)}
    assert [entry.movement for entry in stock.ledger].count(Movement.SHIPPED) == 1


def test_what_was_never_held_or_was_released_cannot_be_shipped() -> None:
    stock, released = stocks((CD, EAST, 3)), uuid4()
    stock.reserve(released, lines((CD, 2)), NOW)
    stock.release(released, NOW)

    for order_id in (released, uuid4()):
        with pytest.raises(NotHeld):
            stock.ship(order_id, NOW)
    assert counters(stock) == {(CD, EAST): (3, 0)}


def test_what_was_shipped_cannot_be_released() -> None:
    stock, order_id = stocks((CD, EAST, 3)), uuid4()
    stock.reserve(order_id, lines((CD, 2)), NOW)
    stock.ship(order_id, NOW)

    with pytest.raises(AlreadyShipped):
        stock.release(order_id, NOW)

    assert counters(stock) == {(CD, EAST): (1, 0)}
    assert order_id not in stock.released


def shipped(stock: Stocks, *wanted: tuple[UUID, int]) -> UUID:
    """An order whose stock has left the warehouse."""
    order_id = uuid4()
    stock.reserve(order_id, lines(*wanted), NOW)
    stock.ship(order_id, NOW)
    return order_id


def test_what_comes_back_is_in_its_own_warehouses_and_can_be_ordered_again() -> None:
    stock = stocks((CD, EAST, 2), (CD, WEST, 2), (BOX, EAST, 5))
    order_id = shipped(stock, (CD, 3), (BOX, 1))

    stock.restock(order_id, NOW)

    assert counters(stock) == {(CD, EAST): (2, 0), (CD, WEST): (2, 0), (BOX, EAST): (5, 0)}
    assert {one.status for one in stock.reservations[order_id]} == {Hold.RETURNED}
    stock.reserve(uuid4(), lines((CD, 4)), NOW)


def test_taking_back_twice_is_taking_back_once() -> None:
    stock = stocks((CD, EAST, 3))
    order_id = shipped(stock, (CD, 2))
    stock.restock(order_id, NOW)

    stock.restock(order_id, NOW)

    assert counters(stock) == {(CD, EAST): (3, 0)}
    assert [entry.movement for entry in stock.ledger].count(Movement.RETURNED) == 1


def test_what_has_not_left_the_warehouse_cannot_come_back() -> None:
    stock, held, released = stocks((CD, EAST, 5)), uuid4(), uuid4()
    for order_id in (held, released):
        stock.reserve(order_id, lines((CD, 2)), NOW)
    stock.release(released, NOW)
    before, ledger = counters(stock), len(stock.ledger)

    for order_id in (held, released, uuid4()):
        with pytest.raises(NotShipped, match=str(order_id)):
            stock.restock(order_id, NOW)

    assert (counters(stock), len(stock.ledger)) == (before, ledger)
    stock.ship(held, NOW)
    stock.restock(held, NOW)
    assert counters(stock) == {(CD, EAST): (5, 0)}


def test_an_order_that_came_back_is_neither_shipped_nor_held_nor_released_again() -> None:
    stock = stocks((CD, EAST, 3))
    order_id = shipped(stock, (CD, 2))
    stock.restock(order_id, NOW)

    stock.ship(order_id, NOW)
    with pytest.raises(OutOfStock):
        stock.reserve(order_id, lines((CD, 2)), NOW)
    with pytest.raises(AlreadyShipped):
        stock.release(order_id, NOW)

    assert counters(stock) == {(CD, EAST): (3, 0)}
    assert {one.status for one in stock.reservations[order_id]} == {Hold.RETURNED}


def test_an_order_whose_time_is_over_is_told_once_a_hold_and_stays_held() -> None:
    stock, order_id = stocks((CD, EAST, 3), (BOX, EAST, 3)), uuid4()
    over = stock.reserve(order_id, lines((CD, 2), (BOX, 1)), NOW)

    assert stock.expire(over - timedelta(microseconds=1)) == []
    assert stock.expire(over) == [order_id]
    assert stock.expire(over + timedelta(seconds=30)) == []
    assert stock.expire(over + HOLD) == [order_id]
    assert (stock.available(CD), stock.available(BOX)) == (1, 2)


@pytest.mark.parametrize("settle", [Stocks.release, Stocks.ship])
def test_a_hold_that_was_settled_is_never_over(settle: object) -> None:
    stock, order_id = stocks((CD, EAST, 3)), uuid4()
    over = stock.reserve(order_id, lines((CD, 2)), NOW)
    assert callable(settle)

    settle(stock, order_id, NOW)

    assert stock.expire(over + HOLD) == []


def test_an_order_that_is_told_late_can_still_be_shipped() -> None:
    stock, order_id = stocks((CD, EAST, 3)), uuid4()
    over = stock.reserve(order_id, lines((CD, 2)), NOW)
    stock.expire(over)

    stock.ship(order_id, over)

    assert counters(stock) == {(CD, EAST): (1, 0)}
