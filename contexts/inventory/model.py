"""Stock: levels by product and warehouse, holds by order, and the ledger from which the levels can be rebuilt."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from contexts.identity import named, part
from contexts.inventory.messages import Line, ReceiveStock
from contexts.views import View

#: What moves stock: the kinds of references in the ledger.
DELIVERY, ORDER = "DELIVERY", "ORDER"

#: How long stock is held for an order that does not get on. Longer than every deadline before the pivot together.
HOLD = timedelta(hours=1)


class OutOfStock(Exception):
    """Raised when a line of an order cannot be held; nothing was changed."""

    def __init__(self, product_id: UUID | None, requested: int, available: int) -> None:
        super().__init__(f"{requested} of product {product_id} wanted, {available} available")
        self.product_id = product_id
        self.requested = requested
        self.available = available


class AlreadyShipped(Exception):
    """Raised when stock is to be released that has left the warehouse."""


class NotHeld(Exception):
    """Raised when stock is to leave the warehouse for an order that holds none."""


class NotShipped(Exception):
    """Raised when stock is to come back that has not left the warehouse: the order's completion may still be told."""


class Hold(StrEnum):
    """The state of a reservation."""

    ACTIVE = "ACTIVE"
    RELEASED = "RELEASED"
    SHIPPED = "SHIPPED"
    RETURNED = "RETURNED"


#: The states of what has left the warehouse, whether it is there again or not.
GONE = frozenset({Hold.SHIPPED, Hold.RETURNED})


class Movement(StrEnum):
    """The kinds of ledger entries.

    Received, shipped and returned change what is on hand; reserved, released and shipped what is held. So the ledger
    replays to: on hand = received - shipped + returned; held = reserved - released - shipped.
    """

    RECEIVED = "RECEIVED"
    RESERVED = "RESERVED"
    RELEASED = "RELEASED"
    SHIPPED = "SHIPPED"
    RETURNED = "RETURNED"


#: What brings a hold into a state: the state it must be in, the movement, what a unit adds to (on hand, held).
_SETTLEMENTS = {
    Hold.RELEASED: (Hold.ACTIVE, Movement.RELEASED, (0, -1)),
    Hold.SHIPPED: (Hold.ACTIVE, Movement.SHIPPED, (-1, -1)),
    Hold.RETURNED: (Hold.SHIPPED, Movement.RETURNED, (1, 0)),
}


@dataclass(slots=True)
class Level:
    """The stock of one product in one warehouse, in units."""

    product_id: UUID
    warehouse_id: UUID
    priority: int = 100
    on_hand: int = 0
    reserved: int = 0
    version: int = 0
    changed: bool = False

    @property
    def id(self) -> UUID:
        return named(self.product_id, str(self.warehouse_id))

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved

    def change(self, on_hand: int = 0, reserved: int = 0) -> None:
        """Add to both counters."""
        self.on_hand += on_hand
        self.reserved += reserved
        self.version += 1
        self.changed = True


@dataclass(slots=True)
class Reservation:
    """Units of one product held in one warehouse for one order."""

    order_id: UUID
    product_id: UUID
    warehouse_id: UUID
    quantity: int
    expires_at: datetime
    status: Hold = Hold.ACTIVE
    stored: bool = False
    changed_at: datetime | None = None
    shipped_at: datetime | None = None

    @property
    def id(self) -> UUID:
        return part(self.order_id, f"{self.product_id}/{self.warehouse_id}")


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One movement; `on_hand_after` and `reserved_after` are the level's counters behind it."""

    movement: Movement
    product_id: UUID
    warehouse_id: UUID
    quantity: int
    reference_type: str
    reference_id: UUID
    at: datetime
    on_hand_after: int
    reserved_after: int

    @property
    def id(self) -> UUID:
        """One delivery, and one order, moves a product in a warehouse once each way: a second time is refused.

        So what is named here must keep its name for ever.
        """
        name = part if self.reference_type == ORDER else named
        return name(self.reference_id, f"{self.movement}/{self.product_id}/{self.warehouse_id}")


@dataclass
class Stocks:
    """The stock that a batch of messages is about, in memory: levels by product, reservations by order."""

    levels: dict[UUID, list[Level]] = field(default_factory=dict)
    reservations: dict[UUID, list[Reservation]] = field(default_factory=dict)
    released: set[UUID] = field(default_factory=set)
    newly_released: set[UUID] = field(default_factory=set)
    ledger: list[LedgerEntry] = field(default_factory=list)

    def receive(self, command: ReceiveStock, now: datetime) -> None:
        """Book a delivery to a warehouse."""
        levels = self.levels.setdefault(command.product_id, [])
        level = next((level for level in levels if level.warehouse_id == command.warehouse_id), None)
        if level is None:
            level = Level(command.product_id, command.warehouse_id)
            levels.append(level)
        level.change(on_hand=command.quantity)
        self._book(Movement.RECEIVED, level, command.quantity, (DELIVERY, command.delivery_id), now)

    def available(self, product_id: UUID) -> int:
        """Return how many units may still be held, in all warehouses."""
        return sum(level.available for level in self.levels.get(product_id, ()))

    def reserve(self, order_id: UUID, lines: Iterable[Line], now: datetime) -> datetime:
        """Hold every line of an order, or none; return when the hold expires. Holding twice is holding once.

        Raises `OutOfStock`, also for an order that was released before.
        """
        held = self.reservations.get(order_id, [])
        if held and all(reservation.status is Hold.ACTIVE for reservation in held):
            return held[0].expires_at
        if held or order_id in self.released:
            raise OutOfStock(None, 0, 0)
        wanted = sum_by_product(lines)
        for product_id, quantity in wanted.items():
            if self.available(product_id) < quantity:
                raise OutOfStock(product_id, quantity, self.available(product_id))
        expires_at = now + HOLD
        for product_id, quantity in wanted.items():
            for level, share in allocate(self.levels[product_id], quantity):
                level.change(reserved=share)
                self._book(Movement.RESERVED, level, share, (ORDER, order_id), now)
                reservation = Reservation(order_id, product_id, level.warehouse_id, share, expires_at)
                self.reservations.setdefault(order_id, []).append(reservation)
        return expires_at

    def release(self, order_id: UUID, now: datetime) -> None:
        """Give back what is held for an order, and hold nothing for it ever again. Raises `AlreadyShipped`."""
        held = self.reservations.get(order_id, [])
        if any(reservation.status in GONE for reservation in held):
            raise AlreadyShipped(f"order {order_id}")
        self._settle(held, Hold.RELEASED, now)
        if order_id not in self.released:
            self.released.add(order_id)
            self.newly_released.add(order_id)

    def ship(self, order_id: UUID, now: datetime) -> None:
        """Take what is held for an order out of the warehouses. Raises `NotHeld`.

        Shipping twice is shipping once, also for an order that has come back since.
        """
        held = self.reservations.get(order_id, [])
        if not held or any(reservation.status is Hold.RELEASED for reservation in held):
            raise NotHeld(f"order {order_id}")
        self._settle(held, Hold.SHIPPED, now)

    def restock(self, order_id: UUID, now: datetime) -> None:
        """Take what left for an order back into its warehouses; twice is once. Raises `NotShipped`."""
        held = self.reservations.get(order_id, [])
        if not held or any(reservation.status not in GONE for reservation in held):
            raise NotShipped(f"order {order_id}")
        self._settle(held, Hold.RETURNED, now)

    def expire(self, now: datetime) -> list[UUID]:
        """Return the orders whose hold is over, each once a `HOLD`: what becomes of it is the journey's decision."""
        late = []
        for order_id, held in self.reservations.items():
            overdue = [one for one in held if one.status is Hold.ACTIVE and one.expires_at <= now]
            for reservation in overdue:
                reservation.expires_at = now + HOLD
                reservation.changed_at = now
            if overdue:
                late.append(order_id)
        return late

    def view(self, product_id: UUID) -> View | None:
        """Return the stock part of a product's read model; None for a product that was never received."""
        levels = self.levels.get(product_id)
        if not levels:
            return None
        version = sum(level.version for level in levels)
        return View("product", str(product_id), "stock", version, {"available": self.available(product_id)})

    def _settle(self, held: Sequence[Reservation], status: Hold, now: datetime) -> None:
        before, movement, (on_hand, reserved) = _SETTLEMENTS[status]
        for reservation in held:
            if reservation.status is not before:
                continue
            level, quantity = self._level(reservation), reservation.quantity
            level.change(on_hand=on_hand * quantity, reserved=reserved * quantity)
            self._book(movement, level, quantity, (ORDER, reservation.order_id), now)
            reservation.status, reservation.changed_at = status, now
            if status is Hold.SHIPPED:
                reservation.shipped_at = now

    def _level(self, reservation: Reservation) -> Level:
        levels = self.levels[reservation.product_id]
        return next(level for level in levels if level.warehouse_id == reservation.warehouse_id)

    def _book(
        self, movement: Movement, level: Level, quantity: int, reference: tuple[str, UUID], now: datetime
    ) -> None:
        counters = (level.on_hand, level.reserved)
        self.ledger.append(
            LedgerEntry(movement, level.product_id, level.warehouse_id, quantity, *reference, now, *counters)
        )


def sum_by_product(lines: Iterable[Line]) -> Counter[UUID]:
    """Sum the lines of each product: two lines of one product must not pass one by one."""
    wanted: Counter[UUID] = Counter()
    for line in lines:
        wanted[line.product_id] += line.quantity
    return wanted


def allocate(levels: Sequence[Level], quantity: int) -> list[tuple[Level, int]]:
    """Choose warehouses: the first that can hold all, else as few as the order of their priorities allows.

    The levels' sum must suffice.
    """
    by_priority = sorted(levels, key=lambda level: (level.priority, level.warehouse_id))
    for level in by_priority:
        if level.available >= quantity:
            return [(level, quantity)]
    shares = []
    for level in by_priority:
        share = min(level.available, quantity)
        if share:
            shares.append((level, share))
            quantity -= share
    return shares
