"""Orders of products that the context has heard of, placed in a real PostgreSQL."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from contexts.catalog.messages import Price, ProductChanged
from contexts.orders.messages import (
    Address,
    Customer,
    OrderLine,
    PaymentMethod,
    PlaceOrder,
)
from persistence.orders import OrderTables
from persistence.postgres_store import PostgresStore

from .transactions import loaded

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADDRESS = Address(name='O\'Neil "Žluť"', street="1, {Long} Road\\", city="X", postal_code="1", country="US")


def on_sale(store: PostgresStore, minor: int, currency: str = "USD", begins: datetime = NOW) -> UUID:
    """Tell orders of a product; return it."""
    price = Price(id=uuid4(), price_minor=minor, currency=currency, effective_from=begins)
    event = ProductChanged(
        product_id=uuid4(), version=1, sku="CD-1", name="Ein Bär, 'n Hai", status="ACTIVE", prices=(price,)
    )
    for _ in range(2):
        with loaded(store, OrderTables, event) as orders:
            orders.copy_prices(event)
    return event.product_id


def an_order(*lines: tuple[UUID, int], currency: str = "USD", **changes: Any) -> PlaceOrder:
    fields: dict[str, Any] = {
        "order_id": uuid4(),
        "customer": Customer(id=uuid4(), email="jane@example.com", phone="+1 555 0100"),
        "currency": currency,
        "lines": tuple(OrderLine(product_id=product_id, quantity=quantity) for product_id, quantity in lines),
        "shipping_address": ADDRESS,
        "billing_address": ADDRESS.model_copy(update={"name": "Another"}),
        "payment": PaymentMethod(token="tok_visa"),
    }
    return PlaceOrder(**fields | changes)


def placed(store: PostgresStore, *lines: tuple[UUID, int], **changes: Any) -> UUID:
    command = an_order(*lines, **changes)
    with loaded(store, OrderTables, command) as orders:
        orders.place(command, NOW)
    return command.order_id
