"""Orders: priced when they are placed, closed when their journey ends; every change is an event of the order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from contexts.catalog.messages import ProductChanged
from contexts.money import largest_minor
from contexts.orders.messages import OrderCompleted, OrderPlaced, OrderRejected, PlaceOrder, PricedLine


class NoPrice(Exception):
    """Raised when the context's own copy of the catalogue has no price for a product yet: the copy may be late."""


class WrongState(Exception):
    """Raised when an order or payment is asked for something that its state does not allow."""


class Status(StrEnum):
    """Where an order stands. The last two are final."""

    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class PriceCopy:
    """One dated price, as the catalog told it. Minor currency units."""

    id: UUID
    product_id: UUID
    sku: str
    name: str
    price_minor: int
    currency: str
    price_type: str
    effective_from: datetime
    effective_to: datetime | None
    product_status: str
    product_version: int

    def holds(self, currency: str, at: datetime) -> bool:
        """Whether this is a price in that currency at that moment."""
        begun = self.effective_from <= at
        return self.currency == currency and begun and (self.effective_to is None or at < self.effective_to)


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One change of an order or of its payment; `sequence` counts within the one it changed (`subject_id`)."""

    order_id: UUID
    subject_id: UUID
    kind: str
    sequence: int
    payload: dict[str, Any]
    at: datetime

    @property
    def id(self) -> UUID:
        return uuid5(self.subject_id, str(self.sequence))


@dataclass(slots=True)
class Order:
    """An order with its lines. Amounts are minor currency units."""

    id: UUID
    customer_id: UUID
    email: str
    phone: str | None
    currency: str
    lines: tuple[PricedLine, ...]
    shipping_address: dict[str, Any]
    billing_address: dict[str, Any]
    created_at: datetime
    status: Status = Status.PENDING
    rejection_reason: str | None = None
    completed_at: datetime | None = None
    version: int = 0
    events: list[OrderEvent] = field(default_factory=list)

    @property
    def number(self) -> str:
        """The number that people use: the id's first 60 bits, in groups."""
        digits = self.id.hex[:15].upper()
        return f"FV-{digits[:5]}-{digits[5:10]}-{digits[10:]}"

    @property
    def total_minor(self) -> int:
        return sum(line.total_minor for line in self.lines)

    def place(self, at: datetime) -> None:
        """Open the order."""
        self._changed("OrderPlaced", {"total_minor": self.total_minor, "currency": self.currency}, at)

    def complete(self, at: datetime) -> OrderCompleted:
        """Close the order as fulfilled; completing twice is completing once. Raises `WrongState`."""
        if self.status is Status.REJECTED:
            raise WrongState(f"order {self.id} was rejected, it cannot be completed")
        if self.status is Status.PENDING:
            self.status, self.completed_at = Status.COMPLETED, at
            self._changed("OrderCompleted", {}, at)
        return OrderCompleted(**self._closing())

    def reject(self, reason: str, at: datetime) -> OrderRejected:
        """Close the order as undone; rejecting twice is rejecting once. Raises `WrongState`."""
        if self.status is Status.COMPLETED:
            raise WrongState(f"order {self.id} was completed, it cannot be rejected")
        if self.status is Status.PENDING:
            self.status, self.rejection_reason, self.completed_at = Status.REJECTED, reason, at
            self._changed("OrderRejected", {"reason": reason}, at)
        return OrderRejected(**self._closing(), reason=self.rejection_reason or reason)

    def _closing(self) -> dict[str, Any]:
        return {
            "order_id": self.id,
            "order_number": self.number,
            "customer_id": self.customer_id,
            "email": self.email,
            "total_minor": self.total_minor,
            "currency": self.currency,
            "lines": self.lines,
        }

    def _changed(self, kind: str, payload: dict[str, Any], at: datetime) -> None:
        self.version += 1
        self.events.append(OrderEvent(self.id, self.id, kind, self.version, payload, at))


@dataclass
class Orders:
    """The orders that a batch of messages is about, with the context's own copy of the prices, in memory."""

    orders: dict[UUID, Order] = field(default_factory=dict)
    prices: dict[UUID, list[PriceCopy]] = field(default_factory=dict)
    new_prices: list[PriceCopy] = field(default_factory=list)

    def copy_prices(self, event: ProductChanged) -> None:
        """Keep what the catalog told of a product."""
        for price in event.prices:
            copy = PriceCopy(
                price.id,
                event.product_id,
                event.sku,
                event.name,
                price.price_minor,
                price.currency,
                price.price_type,
                price.effective_from,
                price.effective_to,
                event.status,
                event.version,
            )
            self.prices.setdefault(event.product_id, []).append(copy)
            self.new_prices.append(copy)

    def place(self, command: PlaceOrder, now: datetime) -> OrderPlaced:
        """Price an order and open it; placing twice is placing once. Raises `NoPrice`."""
        order = self.orders.get(command.order_id)
        if order is None:
            order = Order(
                id=command.order_id,
                customer_id=command.customer.id,
                email=command.customer.email,
                phone=command.customer.phone,
                currency=command.currency,
                lines=tuple(
                    self._priced(line.product_id, line.quantity, command.currency, now) for line in command.lines
                ),
                shipping_address=command.shipping_address.model_dump(),
                billing_address=command.billing_address.model_dump(),
                created_at=now,
            )
            if order.total_minor > largest_minor(order.currency):
                raise WrongState(f"order {order.id} is worth more than an amount can hold")
            order.place(now)
            self.orders[order.id] = order
        return OrderPlaced(
            order_id=order.id,
            order_number=order.number,
            customer_id=order.customer_id,
            lines=order.lines,
            total_minor=order.total_minor,
            currency=order.currency,
            shipping_address=command.shipping_address,
            shipping_method=command.shipping_method,
            card_token=command.payment.token,
        )

    def get(self, order_id: UUID) -> Order:
        """Return an order; raises `WrongState` for one that was never placed."""
        try:
            return self.orders[order_id]
        except KeyError:
            raise WrongState(f"order {order_id} was never placed") from None

    def _priced(self, product_id: UUID, quantity: int, currency: str, at: datetime) -> PricedLine:
        price = price_at(self.prices.get(product_id, ()), currency, at)
        if price is None:
            raise NoPrice(f"no price in {currency} for product {product_id}")
        return PricedLine(
            product_id=product_id,
            sku=price.sku,
            name=price.name,
            quantity=quantity,
            unit_price_minor=price.price_minor,
            total_minor=price.price_minor * quantity,
        )


def price_at(prices: Sequence[PriceCopy], currency: str, at: datetime) -> PriceCopy | None:
    """Return the price of a product at a moment: of those that hold, the one that began last."""
    holding = [price for price in prices if price.holds(currency, at)]
    return max(holding, key=lambda price: (price.effective_from, price.product_version), default=None)
