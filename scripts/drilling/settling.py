"""After the last fault: waiting until everything that was accepted is final and told, as long as anything moves."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from demonstration import checking, journeys
from drilling.ledger import Ledger
from operations import queues

#: Seconds without any movement after which nothing more is waited for.
STANDSTILL = 90.0

#: The same while messages wait in an outbox for another attempt: the longest back-off is 450 seconds.
BACKING_OFF = 500.0

#: Seconds between two looks: while orders are in flight, and after. A look asks every server and costs 40 milliseconds
#: here alone, which a platform that is catching up has not to spare.
BUSY_PAUSE, PAUSE = 5.0, 1.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What is open at one moment: orders, journeys of any kind and their progress, messages in queues and outboxes."""

    orders: int
    journeys: tuple[int, int]
    queued: int
    outboxes: int

    def is_settled(self, earlier_journeys: int) -> bool:
        """Whether nothing is open but journeys that earlier drills left behind."""
        return not (self.orders or self.queued or self.outboxes) and self.journeys[0] <= earlier_journeys

    def __str__(self) -> str:
        return (
            f"{self.orders} orders in flight, {self.journeys[0]} journeys under way, "
            f"{self.queued} envelopes in queues, {self.outboxes} in outboxes"
        )


async def settled(ledger: Ledger, earlier_journeys: int) -> bool:
    """Wait until nothing is open; return False if something is that has not moved for long."""
    last, moved_at, said_at = await asyncio.to_thread(_look, ledger), time.monotonic(), 0.0
    while not last.is_settled(earlier_journeys):
        if time.monotonic() - moved_at > (BACKING_OFF if last.outboxes else STANDSTILL):
            return False
        if time.monotonic() - said_at > 5:
            said_at = time.monotonic()
            print(f"settling: {last}", flush=True)
        await asyncio.sleep(BUSY_PAUSE if last.orders else PAUSE)
        now = await asyncio.to_thread(_look, ledger)
        if now != last:
            last, moved_at = now, time.monotonic()
    return await checking.settled(list(ledger.came))


def _look(ledger: Ledger) -> Standing:
    document, _ = queues.look()
    return Standing(
        orders=ledger.unfinished,
        journeys=journeys.under_way(),
        queued=sum(_waiting(queue) for queue in document["queues"] if not queue["queue"].endswith(".XQ")),
        outboxes=sum(one["outbox_due"] + one["outbox_later"] for one in document["contexts"]),
    )


def _waiting(queue: Mapping[str, Any]) -> int:
    return (queue.get("ready") or 0) + (queue.get("unacknowledged") or 0)
