"""Two products in two warehouses, and stock as it was received there."""

from uuid import UUID, uuid4

from contexts.inventory.messages import Line, ReceiveStock
from contexts.inventory.model import Stocks
from tests.contexts.examples import NOW

CD, BOX = UUID(int=1), UUID(int=2)
EAST, WEST = UUID(int=10), UUID(int=20)


def stocks(*received: tuple[UUID, UUID, int]) -> Stocks:
    """Stock as it was received: product, warehouse, units."""
    stock = Stocks()
    for product_id, warehouse_id, quantity in received:
        command = ReceiveStock(delivery_id=uuid4(), product_id=product_id, warehouse_id=warehouse_id, quantity=quantity)
        stock.receive(command, NOW)
    return stock


def lines(*wanted: tuple[UUID, int]) -> list[Line]:
    """Lines of an order: product, units."""
    return [Line(product_id=product_id, quantity=quantity) for product_id, quantity in wanted]
