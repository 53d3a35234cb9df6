"""What is known of the drill's orders: offered, accepted, final."""

import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from demonstration.outcomes import COMPLETED, PlannedOrder


@dataclass
class Ledger:
    """Filled by the load (offered, accepted, refused, cancelled) and by the watch (came)."""

    offered: int = 0
    accepted: dict[UUID, PlannedOrder] = field(default_factory=dict)
    in_flight: dict[UUID, float] = field(default_factory=dict)
    """Accepted orders of which nothing final is known, and when they were accepted (monotonic seconds)."""
    came: dict[UUID, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    asked_to_cancel: set[UUID] = field(default_factory=set)
    cancelled: set[UUID] = field(default_factory=set)
    """Orders whose cancellation was answered 202: from then on it must not be lost."""
    complaints: list[str] = field(default_factory=list)
    """A sentence for each cancellation that was neither taken nor too late."""
    unknown: int = 0
    """Answers that an accepted order is not known."""
    retries: int = 0

    def accept(self, order_id: UUID, order: PlannedOrder) -> None:
        """Note an order that was accepted."""
        self.accepted[order_id] = order
        self.in_flight[order_id] = time.monotonic()

    def refuse(self, order: PlannedOrder, reason: str) -> None:
        """Note an order that was not, and never will be."""
        self.refused.append(f"purchase {order.number} was not accepted: {reason}")

    def finish(self, order_id: UUID, outcome: str) -> float:
        """Note what became of an order; return when it was accepted."""
        self.came[order_id] = outcome
        return self.in_flight.pop(order_id)

    @property
    def unfinished(self) -> int:
        """Orders that are not final, or were offered and are neither accepted nor refused."""
        return self.offered - len(self.refused) - len(self.came)

    @property
    def completed(self) -> int:
        """Final orders that were completed."""
        return self.outcomes[COMPLETED]

    @property
    def outcomes(self) -> Counter[str]:
        """Final orders by outcome."""
        return Counter(self.came.values())

    @property
    def undone(self) -> dict[str, int]:
        """Final orders that were undone, by reason."""
        return {reason: count for reason, count in sorted(self.outcomes.items()) if reason != COMPLETED}
