"""What the journeys under way are about, kept in a worker's memory: whoever took one step will likely take the next."""

from collections.abc import Iterable
from threading import Lock
from uuid import UUID

from contexts.coordination.journey import Journey
from contexts.orders.messages import OrderPlaced

#: Lines of all orders remembered, at most: some 40 MB.
MOST_LINES = 10_000


class RememberedOrders:
    """Orders by journey. What a journey is about never changes, so nothing here is ever out of date. Thread-safe."""

    def __init__(self, most_lines: int = MOST_LINES) -> None:
        self._most_lines = most_lines
        self._lines = 0
        self._orders: dict[UUID, OrderPlaced] = {}
        self._changing = Lock()

    def get(self, journey_id: UUID) -> OrderPlaced | None:
        """Return what a journey is about; None if it is not remembered."""
        return self._orders.get(journey_id)

    def remember(self, journeys: Iterable[Journey]) -> None:
        """Keep what journeys under way are about, and forget those that ended; the oldest go when it is too much."""
        with self._changing:
            for journey in journeys:
                self._forget(journey.id)
                if not journey.is_final:
                    self._orders[journey.id] = journey.order
                    self._lines += len(journey.order.lines)
            while self._lines > self._most_lines:
                self._forget(next(iter(self._orders)))

    def _forget(self, journey_id: UUID) -> None:
        order = self._orders.pop(journey_id, None)
        if order is not None:
            self._lines -= len(order.lines)
