"""The actors of orders; those of their payments are in `actors/payments.py`."""

from collections.abc import Iterable
from datetime import UTC, datetime

from actors.runtime.context import Context
from contexts.catalog.messages import ProductChanged
from contexts.orders.messages import (
    CompleteOrder,
    OrderCompleted,
    OrderPlaced,
    OrderRejected,
    OrderReturned,
    PlaceOrder,
    RefuseReturn,
    RejectOrder,
    ReturnOrder,
    ReturnRefused,
    ShowOrder,
)
from contexts.orders.model import Orders
from contexts.views import View
from persistence.order_views import OrderViews
from persistence.orders import OrderTables
from persistence.postgres_store import PostgresStore

ORDERS = Context("orders", store=PostgresStore, repositories={Orders: OrderTables, OrderViews: OrderViews})


@ORDERS.actor
def product_changed(event: ProductChanged, orders: Orders) -> None:
    """Keep a copy of the catalog's prices: an order is priced here, whatever becomes of the catalog."""
    orders.copy_prices(event)


@ORDERS.actor
def place_order(command: PlaceOrder, orders: Orders) -> Iterable[OrderPlaced | OrderRejected]:
    """Price an order and open it, or say at once why it cannot be sold."""
    yield orders.place(command, datetime.now(UTC))


@ORDERS.actor
def complete_order(command: CompleteOrder, orders: Orders) -> Iterable[OrderCompleted]:
    """Close an order as fulfilled whose journey is of version 1; others are settled (`actors/payments.py`)."""
    yield orders.get(command.order_id).complete(datetime.now(UTC))


@ORDERS.actor
def reject_order(command: RejectOrder, orders: Orders) -> Iterable[OrderRejected]:
    """Close an order as undone."""
    yield orders.get(command.order_id).reject(command.reason, datetime.now(UTC))


@ORDERS.actor
def return_order(command: ReturnOrder, orders: Orders) -> Iterable[OrderReturned]:
    """Close a completed order as returned."""
    yield orders.get(command.order_id).take_back(command.reason, datetime.now(UTC))


@ORDERS.actor
def refuse_return(command: RefuseReturn, orders: Orders) -> Iterable[ReturnRefused]:
    """Say that a completed order cannot come back."""
    yield orders.get(command.order_id).refuse_return(command.reason, datetime.now(UTC))


@ORDERS.query
def show_order(query: ShowOrder, views: OrderViews) -> View | None:
    """Show an order with its lines, payments and events."""
    return views.view(query.order_id)
