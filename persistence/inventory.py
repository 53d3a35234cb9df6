"""Stock in PostgreSQL: levels locked in one order, read set-wise, changed in memory, written set-wise."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection

from contexts.inventory.messages import (
    ExpireReservations,
    ReceiveStock,
    ReleaseStock,
    ReserveStock,
    RestockReturn,
    ShowStock,
)
from contexts.inventory.model import Hold, LedgerEntry, Level, Reservation, Stocks
from contexts.messages import Message
from contexts.orders.messages import OrderCompleted
from contexts.views import View
from persistence import setwise
from persistence.tables.inventory import inventory, inventory_movements, inventory_reservations, released_orders

#: Orders whose expiry is told in one go.
EXPIRED_AT_ONCE = 500

_LEVELS = """
    SELECT i.product_id, i.warehouse_id, coalesce(w.priority, 100), i.quantity_on_hand, i.quantity_reserved, i.version
    FROM inventory i LEFT JOIN warehouses w ON w.id = i.warehouse_id
    WHERE i.product_id = ANY(%s) ORDER BY i.product_id, i.warehouse_id
"""

_RESERVATIONS = """
    SELECT order_id, product_id, warehouse_id, quantity, expires_at, status, shipped_at
    FROM inventory_reservations WHERE
"""


class StockTables(Stocks):
    """The stock that a batch of messages is about, within one transaction.

    Whoever changes a level, or a reservation of its product, holds the level's row lock.
    """

    def __init__(self, connection: Connection[Any]) -> None:
        super().__init__()
        self._connection = connection
        self._stored: set[UUID] = set()

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Lock the levels, then load the reservations, of everything that the messages are about."""
        if all(isinstance(message, ShowStock) for message in messages):
            self._load_levels({message.product_id for message in messages if isinstance(message, ShowStock)}, "")
            return
        orders: set[UUID] = set()
        products: set[UUID] = set()
        for message in messages:
            match message:
                case ReserveStock() | ReleaseStock() | RestockReturn() | OrderCompleted():
                    orders.add(message.order_id)
                    products.update(line.product_id for line in message.lines)
                case ReceiveStock():
                    products.add(message.product_id)
                case ExpireReservations():
                    self._load_expired(message)
        self._load_levels(products, " FOR UPDATE OF i")
        self._load_reservations(orders)

    def flush(self) -> None:
        """Write changed levels, reservations and the ledger."""
        levels = [level for listed in self.levels.values() for level in listed if level.changed]
        setwise.insert(self._connection, inventory, [_level_row(one) for one in levels if one.id not in self._stored])
        setwise.update(self._connection, inventory, [_level_change(one) for one in levels if one.id in self._stored])
        reservations = [one for listed in self.reservations.values() for one in listed]
        setwise.insert(
            self._connection, inventory_reservations, [_reservation_row(one) for one in reservations if not one.stored]
        )
        changed = [_reservation_change(one) for one in reservations if one.stored and one.changed_at]
        setwise.update(self._connection, inventory_reservations, changed)
        setwise.insert(
            self._connection, released_orders, [{"order_id": one} for one in self.newly_released], keep_existing=True
        )
        setwise.insert(self._connection, inventory_movements, [_movement_row(entry) for entry in self.ledger])

    def changed_views(self) -> list[View]:
        """Return the stock part of every product whose level changed."""
        products = {one.product_id for listed in self.levels.values() for one in listed if one.changed}
        return [view for view in map(self.view, products) if view]

    def _load_expired(self, message: ExpireReservations) -> None:
        """Load, and lock, holds that are over; those whose order is being settled just now are left out."""
        self._take_reservations(
            _RESERVATIONS
            + "status = 'ACTIVE' AND expires_at <= %s ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED",
            (message.at, EXPIRED_AT_ONCE),
        )

    def _load_levels(self, products: set[UUID], lock: LiteralString) -> None:
        if products:
            for row in self._connection.execute(_LEVELS + lock, (list(products),)):
                level = Level(*row)
                self.levels.setdefault(level.product_id, []).append(level)
                self._stored.add(level.id)

    def _load_reservations(self, orders: set[UUID]) -> None:
        if not orders:
            return
        self._take_reservations(_RESERVATIONS + "order_id = ANY(%s)", (list(orders),))
        released = self._connection.execute(
            "SELECT order_id FROM released_orders WHERE order_id = ANY(%s)", (list(orders),)
        )
        self.released.update(row[0] for row in released)

    def _take_reservations(self, query: LiteralString, parameters: tuple[Any, ...]) -> None:
        for order_id, product_id, warehouse_id, quantity, expires_at, status, shipped_at in self._connection.execute(
            query, parameters
        ):
            reservation = Reservation(
                order_id, product_id, warehouse_id, quantity, expires_at, Hold(status), stored=True
            )
            reservation.shipped_at = shipped_at
            found = self.reservations.setdefault(reservation.order_id, [])
            # A batch may ask twice: for what is over, and for an order whose hold is over.
            if all(one.id != reservation.id for one in found):
                found.append(reservation)


def _level_row(level: Level) -> setwise.Row:
    return {
        "id": level.id,
        "product_id": level.product_id,
        "warehouse_id": level.warehouse_id,
        "quantity_on_hand": level.on_hand,
        "quantity_reserved": level.reserved,
        "version": level.version,
    }


def _level_change(level: Level) -> setwise.Row:
    return {
        "id": level.id,
        "quantity_on_hand": level.on_hand,
        "quantity_reserved": level.reserved,
        "last_updated": datetime.now(UTC),
        "version": level.version,
    }


def _reservation_row(reservation: Reservation) -> setwise.Row:
    return {
        "id": reservation.id,
        "order_id": reservation.order_id,
        "product_id": reservation.product_id,
        "warehouse_id": reservation.warehouse_id,
        "quantity": reservation.quantity,
        "status": reservation.status.value,
        "expires_at": reservation.expires_at,
    }


def _reservation_change(reservation: Reservation) -> setwise.Row:
    return {
        "id": reservation.id,
        "status": reservation.status.value,
        "expires_at": reservation.expires_at,
        "released_at": reservation.changed_at if reservation.status is Hold.RELEASED else None,
        "shipped_at": reservation.shipped_at,
        "returned_at": reservation.changed_at if reservation.status is Hold.RETURNED else None,
    }


def _movement_row(entry: LedgerEntry) -> setwise.Row:
    return {
        "id": entry.id,
        "product_id": entry.product_id,
        "warehouse_id": entry.warehouse_id,
        "movement_type": entry.movement.value,
        "quantity": entry.quantity,
        "reference_type": entry.reference_type,
        "reference_id": entry.reference_id,
        "created_at": entry.at,
        "on_hand_after": entry.on_hand_after,
        "reserved_after": entry.reserved_after,
    }
