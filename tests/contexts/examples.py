"""Messages with every field filled in, so that a test names only what it is about."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from contexts.delivery.messages import DeliveryRefused, ShipmentScheduled
from contexts.inventory.messages import StockReserved, StockUnavailable
from contexts.messages import JourneyEvent
from contexts.orders.messages import (
    Address,
    Customer,
    OrderClosed,
    OrderLine,
    OrderPlaced,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentMethod,
    PlaceOrder,
    PricedLine,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

MINUTE = timedelta(minutes=1)

ADDRESS = Address(name="Jane Roe", street="1 Main Street", city="Springfield", postal_code="12345", country="US")

_CLOSED = {
    "order_number": "FV-1",
    "customer_id": UUID(int=7),
    "email": "jane@shop.example",
    "total_minor": 2498,
    "currency": "USD",
    "lines": (),
}

_FIELDS: dict[type[JourneyEvent], dict[str, Any]] = {
    StockReserved: {"expires_at": NOW + 15 * MINUTE},
    StockUnavailable: {"product_id": UUID(int=1), "requested": 2, "available": 1},
    PaymentAuthorized: {"payment_id": UUID(int=2)},
    PaymentDeclined: {"payment_id": UUID(int=2), "code": "insufficient_funds"},
    PaymentCaptured: {"payment_id": UUID(int=2), "amount_minor": 2498},
    ShipmentScheduled: {
        "shipment_id": UUID(int=3),
        "carrier": "sandbox",
        "tracking_number": "FV123",
        "estimated_delivery": date(2026, 3, 6),
    },
    DeliveryRefused: {"code": "address_not_served"},
}


def an_order(**changes: Any) -> OrderPlaced:
    """An order that was just placed: two of one product, one of another."""
    fields: dict[str, Any] = {
        "order_id": uuid4(),
        "order_number": "FV-1",
        "customer_id": UUID(int=7),
        "lines": (a_priced_line(quantity=2), a_priced_line(quantity=1)),
        "total_minor": 2498,
        "currency": "USD",
        "shipping_address": ADDRESS,
        "shipping_method": "STANDARD",
        "card_token": "tok_visa",
    }
    return OrderPlaced(**fields | changes)


def a_priced_line(quantity: int = 1, unit_price_minor: int = 999) -> PricedLine:
    """A line as sold."""
    return PricedLine(
        product_id=uuid4(),
        sku="CD-999",
        name="CD for 9.99",
        quantity=quantity,
        unit_price_minor=unit_price_minor,
        total_minor=quantity * unit_price_minor,
    )


def an_answer(kind: type[JourneyEvent], order_id: UUID) -> JourneyEvent:
    """An event in the journey of an order."""
    if kind is OrderPlaced:
        return an_order(order_id=order_id)
    fields = _CLOSED | {"reason": "pay_refused"} if issubclass(kind, OrderClosed) else _FIELDS.get(kind, {})
    return kind(order_id=order_id, **fields)


def a_place_order(*lines: tuple[UUID, int], **changes: Any) -> PlaceOrder:
    """A customer's wish for so many units of each product."""
    fields: dict[str, Any] = {
        "order_id": uuid4(),
        "customer": Customer(id=UUID(int=7), email="jane@shop.example"),
        "currency": "USD",
        "lines": tuple(OrderLine(product_id=product_id, quantity=quantity) for product_id, quantity in lines),
        "shipping_address": ADDRESS,
        "billing_address": ADDRESS,
        "payment": PaymentMethod(token="tok_visa"),
    }
    return PlaceOrder(**fields | changes)
