"""Orders: priced when they are placed, closed when their journey ends; every change is an event of the order."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from contexts.catalog.messages import ProductChanged
from contexts.identity import within
from contexts.money import largest_minor
from contexts.orders.messages import (
    OrderCompleted,
    OrderPlaced,
    OrderRejected,
    OrderReturned,
    PlaceOrder,
    PricedLine,
    ReturnRefused,
)
from contexts.orders.numbers import new_number
from contexts.pricing import price_at

#: The catalog's status of a product that may be sold.
ON_SALE = "ACTIVE"

#: Why an order is closed before its journey begins: the front door's view of the catalogue was out of date.
NOT_ON_SALE, TOO_LARGE = "not_on_sale", "too_large"


class NoPrice(Exception):
    """Raised when the context's own copy of the catalogue does not know a product: the copy may be late."""


class WrongState(Exception):
    """Raised when an order or payment is asked for something that its state does not allow."""


class Status(StrEnum):
    """Where an order stands. The last two are final; a completed order may still come back."""

    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    REJECTED = "REJECTED"
    RETURNED = "RETURNED"


#: Nothing more becomes of an order in these.
FINAL = frozenset({Status.REJECTED, Status.RETURNED})


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


class OrderEvent(NamedTuple):
    """One change of an order or of its payment; `sequence` counts within the one it changed (`subject_id`)."""

    order_id: UUID
    subject_id: UUID
    kind: str
    sequence: int
    payload: dict[str, Any]
    at: datetime

    @property
    def id(self) -> UUID:
        return within(self.order_id, f"{self.subject_id}/{self.sequence}")


@dataclass(slots=True)
class Order:
    """An order with its lines. Amounts are minor currency units. `number` is what people call it.

    `return_refusal` says why a completed order cannot come back; None as long as nobody was told so.
    """

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
    return_reason: str | None = None
    returned_at: datetime | None = None
    return_refusal: str | None = None
    number: str = ""
    events: list[OrderEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Give a new order its number."""
        self.number = self.number or new_number(self.id)

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
        if self.status in (Status.COMPLETED, Status.RETURNED):
            raise WrongState(f"order {self.id} was completed, it cannot be rejected")
        if self.status is Status.PENDING:
            self.status, self.rejection_reason, self.completed_at = Status.REJECTED, reason, at
            self._changed("OrderRejected", {"reason": reason}, at)
        return OrderRejected(**self._closing(), reason=self.rejection_reason or reason)

    def take_back(self, reason: str, at: datetime) -> OrderReturned:
        """Close a completed order as returned; returning twice is returning once. Raises `WrongState`."""
        if self.status not in (Status.COMPLETED, Status.RETURNED):
            raise WrongState(f"order {self.id} is {self.status}, it cannot come back")
        if self.status is Status.COMPLETED:
            self.status, self.return_reason, self.returned_at = Status.RETURNED, reason, at
            self._changed("OrderReturned", {"reason": reason}, at)
        return OrderReturned(**self._closing(), reason=self.return_reason or reason)

    def refuse_return(self, reason: str, at: datetime) -> ReturnRefused:
        """Record that a completed order stays that; refusing twice is refusing once. Raises `WrongState`."""
        if self.status is not Status.COMPLETED:
            raise WrongState(f"order {self.id} is {self.status}, its return cannot be refused")
        if self.return_refusal is None:
            self.return_refusal = reason
            self._changed("ReturnRefused", {"reason": reason}, at)
        return ReturnRefused(**self._closing(), reason=self.return_refusal)

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
            known = self.prices.setdefault(event.product_id, [])
            newer = any(one.id == copy.id and one.product_version > copy.product_version for one in known)
            if not newer:
                known[:] = [*(one for one in known if one.id != copy.id), copy]
                self.new_prices.append(copy)

    def place(self, command: PlaceOrder, now: datetime) -> OrderPlaced | OrderRejected:
        """Price an order and open it, or close it at once if it cannot be sold; placing twice is placing once.

        Raises `NoPrice` for a product that this context has not heard of yet.
        """
        order = self.orders.get(command.order_id)
        if order is None:
            order = self.orders[command.order_id] = self._priced(command, now)
            order.place(now)
            if order.rejection_reason:
                return order.reject(order.rejection_reason, now)
        if order.status is Status.REJECTED:
            return order.reject(order.rejection_reason or "", now)
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

    def _priced(self, command: PlaceOrder, now: datetime) -> Order:
        prices = [self._price(line.product_id, command.currency, now) for line in command.lines]
        lines = tuple(
            priced_line(line.product_id, line.quantity, price)
            for line, price in zip(command.lines, prices, strict=True)
        )
        reason = None if all(price.product_status == ON_SALE for price in prices) else NOT_ON_SALE
        if reason is None and sum(line.total_minor for line in lines) > largest_minor(command.currency):
            reason = TOO_LARGE
        return Order(
            id=command.order_id,
            customer_id=command.customer.id,
            email=command.customer.email,
            phone=command.customer.phone,
            currency=command.currency,
            # What cannot be sold has no price: its order says what was asked for, and is worth nothing.
            lines=tuple(worthless(line) for line in lines) if reason else lines,
            shipping_address=command.shipping_address.model_dump(),
            billing_address=command.billing_address.model_dump(),
            created_at=now,
            rejection_reason=reason,
        )

    def _price(self, product_id: UUID, currency: str, at: datetime) -> PriceCopy:
        """Return the price of a product; if it has none now, its last copy as no longer on sale."""
        copies = self.prices.get(product_id)
        if not copies:
            raise NoPrice(f"nothing is known of product {product_id} yet")
        price = price_at(copies, currency, at)
        newest = max(copies, key=lambda copy: copy.product_version)
        if price is None:
            return replace(newest, product_status="WITHOUT_PRICE")
        return replace(price, sku=newest.sku, name=newest.name, product_status=newest.product_status)


def priced_line(product_id: UUID, quantity: int, price: PriceCopy) -> PricedLine:
    """Return a line as sold at a price."""
    return PricedLine(
        product_id=product_id,
        sku=price.sku,
        name=price.name,
        quantity=quantity,
        unit_price_minor=price.price_minor,
        total_minor=price.price_minor * quantity,
    )


def worthless(line: PricedLine) -> PricedLine:
    """Return a line that is not sold."""
    return line.model_copy(update={"unit_price_minor": 0, "total_minor": 0})
