"""What is known so far of the run: which orders were accepted, and what became of each."""

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from demonstration.outcomes import COMPLETED, PlannedOrder

#: Seconds over which the present rate is taken.
WINDOW = 5.0


@dataclass
class Tally:
    """Filled by the replay (accepted, refused) and by the watch on the journeys (came)."""

    orders: int
    accepted: dict[UUID, PlannedOrder] = field(default_factory=dict)
    came: dict[UUID, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    retries: int = 0
    restarts: int = 0
    first_post: float = 0.0
    last_final: datetime | None = None
    moved_at: float = field(default_factory=time.monotonic)
    _begun: float = field(default_factory=time.monotonic)
    _marks: deque[tuple[float, int]] = field(default_factory=deque)

    def accept(self, order_id: UUID, order: PlannedOrder) -> None:
        """Note an order that was accepted."""
        self.accepted[order_id] = order
        self.moved()

    def refuse(self, order: PlannedOrder, reason: str) -> None:
        """Note an order that was not, and never will be."""
        self.refused.append(f"purchase {order.number} was not accepted: {reason}")
        self.moved()

    def finish(self, order_id: UUID, outcome: str, at: datetime) -> None:
        """Note what became of an order, and when."""
        self.came[order_id] = outcome
        self.last_final = max(at, self.last_final or at)
        self.moved()

    def moved(self) -> None:
        """Note that something moved."""
        self.moved_at = time.monotonic()

    @property
    def in_flight(self) -> list[UUID]:
        """The orders of which nothing final is known."""
        return [order_id for order_id in self.accepted if order_id not in self.came]

    @property
    def is_over(self) -> bool:
        """Whether every order is accepted, or refused, and final."""
        return len(self.accepted) + len(self.refused) == self.orders and len(self.came) == len(self.accepted)

    @property
    def outcomes(self) -> Counter[str]:
        """Final orders by outcome."""
        return Counter(self.came.values())

    @property
    def completed(self) -> int:
        """Final orders that were completed."""
        return self.outcomes[COMPLETED]

    @property
    def undone(self) -> dict[str, int]:
        """Final orders that were undone, by reason."""
        return {reason: count for reason, count in sorted(self.outcomes.items()) if reason != COMPLETED}

    @property
    def elapsed(self) -> float:
        """Seconds since the replay began."""
        return time.monotonic() - self._begun

    @property
    def seconds(self) -> float:
        """Seconds from the first POST to the last order that became final, by the clock of the workers."""
        return self.last_final.timestamp() - self.first_post if self.last_final else 0.0

    @property
    def rate(self) -> float:
        """Orders that became final a second, from the first POST to the last of them."""
        return len(self.came) / self.seconds if self.seconds > 0 else 0.0

    def rate_now(self) -> float:
        """Orders that became final a second, of late; to be asked regularly."""
        now = time.monotonic()
        self._marks.append((now, len(self.came)))
        while self._marks[0][0] < now - WINDOW and len(self._marks) > 2:
            self._marks.popleft()
        (then, before), (last, count) = self._marks[0], self._marks[-1]
        return (count - before) / (last - then) if last > then else 0.0
