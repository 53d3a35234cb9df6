"""Every movement of stock is in the ledger, under a name that it keeps."""

from uuid import UUID, uuid4, uuid5

import pytest

from contexts.identity import dated, within
from contexts.inventory.messages import ReceiveStock
from contexts.inventory.model import Movement, Stocks
from tests.contexts.examples import NOW

from .received import BOX, CD, EAST, WEST, lines, stocks


def test_every_movement_is_in_the_ledger_with_what_it_belongs_to_and_the_counters_after_it() -> None:
    stock, order_id = stocks((CD, EAST, 3)), uuid4()
    stock.reserve(order_id, lines((CD, 2)), NOW)
    stock.ship(order_id, NOW)
    stock.restock(order_id, NOW)

    told = [(one.movement, one.quantity, one.on_hand_after, one.reserved_after) for one in stock.ledger]

    assert told == [
        (Movement.RECEIVED, 3, 3, 0),
        (Movement.RESERVED, 2, 3, 2),
        (Movement.SHIPPED, 2, 1, 0),
        (Movement.RETURNED, 2, 3, 0),
    ]
    assert [one.reference_type for one in stock.ledger] == ["DELIVERY", "ORDER", "ORDER", "ORDER"]
    assert len({one.id for one in stock.ledger}) == 4
    assert {one.reference_id for one in stock.ledger[1:]} == {order_id}


def test_readers_see_what_can_be_ordered_and_a_higher_version_after_each_change() -> None:
    stock, order_id = stocks((CD, EAST, 3), (CD, WEST, 1)), uuid4()
    before = stock.view(CD)
    stock.reserve(order_id, lines((CD, 2)), NOW)
    after = stock.view(CD)

    assert before is not None
    assert after is not None
    assert (before.model, before.identity, before.part) == ("product", str(CD), "stock")
    assert (before.body, after.body) == ({"available": 4}, {"available": 2})
    assert after.version > before.version
    assert stock.view(BOX) is None


@pytest.mark.parametrize("version", [4, 5, 7, 8])
def test_a_delivery_keeps_its_name_in_the_ledger_for_ever(version: int) -> None:
    delivery_id = UUID(int=dated(uuid4(), 1).int & ~(0xF << 76) | version << 76)
    command = ReceiveStock(delivery_id=delivery_id, product_id=CD, warehouse_id=EAST, quantity=1)
    stock = Stocks()

    stock.receive(command, NOW)

    # What stock was booked under before must be refused by the ledger's key after any change of this code.
    assert stock.ledger[0].id == uuid5(command.delivery_id, f"RECEIVED/{CD}/{EAST}")


def test_what_an_order_moves_keeps_its_name_in_the_ledger_and_stands_beside_an_order_that_is_dated() -> None:
    older, order_id = uuid4(), dated(uuid4(), 1)
    stock = stocks((CD, EAST, 3))
    for one in (older, order_id):
        stock.reserve(one, lines((CD, 1)), NOW)

    assert stock.ledger[-2].id == uuid5(older, f"RESERVED/{CD}/{EAST}")
    assert stock.ledger[-1].id.bytes[:6] == order_id.bytes[:6]
    assert stock.ledger[-1].id == within(order_id, f"RESERVED/{CD}/{EAST}")
