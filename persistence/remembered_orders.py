"""What the journeys under way are about, kept in a worker's memory: whoever took one step will likely take the next."""

from collections.abc import Iterable
from threading import Lock
from uuid import UUID

from contexts.coordination.journey import Journey
from contexts.orders.messages import OrderPlaced

#: Journeys remembered at most.
MOST = 10_000


class RememberedOrders:
    """Orders by journey. What a journey is about never changes, so nothing here is ever out of date. Thread-safe."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._orders: dict[UUID, OrderPlaced] = {}
        self._changing = Lock()

    def get(self, journey_id: UUID) -> OrderPlaced | None:
        """Return what a journey is about; None if it is not remembered."""
        return self._orders.get(journey_id)

    def remember(self, journeys: Iterable[Journey]) -> None:
        """Keep what journeys under way are about, and forget those that ended; the oldest goes when it is too many."""
        with self._changing:
            for journey in journeys:
                if journey.is_final:
                    self._orders.pop(journey.id, None)
                else:
                    self._orders.setdefault(journey.id, journey.order)
            while len(self._orders) > self._most:
                del self._orders[next(iter(self._orders))]
