"""The inventory's actors."""

from collections.abc import Iterable
from datetime import UTC, datetime

from actors.runtime.context import Context
from contexts.inventory.messages import (
    ExpireReservations,
    ReceiveStock,
    ReleaseStock,
    ReservationExpired,
    ReserveStock,
    RestockReturn,
    ShowStock,
    StockReleased,
    StockReserved,
    StockReturned,
    StockUnavailable,
)
from contexts.inventory.model import OutOfStock, Stocks
from contexts.messages import Event
from contexts.orders.messages import OrderCompleted
from contexts.views import View
from persistence.inventory import StockTables
from persistence.postgres_store import PostgresStore

INVENTORY = Context("inventory", store=PostgresStore, repositories={Stocks: StockTables})


@INVENTORY.actor
def receive_stock(command: ReceiveStock, stocks: Stocks) -> None:
    """Book units that arrived at a warehouse."""
    stocks.receive(command, datetime.now(UTC))


@INVENTORY.actor
def reserve_stock(command: ReserveStock, stocks: Stocks) -> Iterable[Event]:
    """Hold stock for every line of an order, or say which line cannot be held."""
    try:
        expires_at = stocks.reserve(command.order_id, command.lines, datetime.now(UTC))
    except OutOfStock as refusal:
        yield StockUnavailable(
            order_id=command.order_id,
            product_id=refusal.product_id,
            requested=refusal.requested,
            available=refusal.available,
        )
    else:
        yield StockReserved(order_id=command.order_id, expires_at=expires_at)


@INVENTORY.actor
def release_stock(command: ReleaseStock, stocks: Stocks) -> Iterable[Event]:
    """Give back what is held for an order."""
    stocks.release(command.order_id, datetime.now(UTC))
    yield StockReleased(order_id=command.order_id)


@INVENTORY.actor
def order_completed(event: OrderCompleted, stocks: Stocks) -> None:
    """Take what is held out of the warehouse: the carrier fetches it. What comes back is `restock_return`'s."""
    stocks.ship(event.order_id, datetime.now(UTC))


@INVENTORY.actor
def restock_return(command: RestockReturn, stocks: Stocks) -> Iterable[Event]:
    """Take what left for an order back into the warehouse; a fault that passes as long as it has not left."""
    stocks.restock(command.order_id, datetime.now(UTC))
    yield StockReturned(order_id=command.order_id)


@INVENTORY.actor
def expire_reservations(command: ExpireReservations, stocks: Stocks) -> Iterable[Event]:
    """Tell the journeys whose hold is over."""
    for order_id in stocks.expire(command.at):
        yield ReservationExpired(order_id=order_id)


@INVENTORY.query
def show_stock(query: ShowStock, stocks: Stocks) -> View | None:
    """Show how many units of a product can be ordered."""
    return stocks.view(query.product_id)
