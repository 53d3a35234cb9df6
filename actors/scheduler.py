"""The clock of the platform: `python -m actors.scheduler` sends each context the ticks it asks for.

A tick's id is made of its name and its time, so that two schedulers, or one that was started again, tick once. A tick
that could not be sent is not made up for: the next one does its work too.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from contexts.coordination.messages import SweepDeadlines
from contexts.delivery.messages import ReconcileShipments
from contexts.identity import named
from contexts.inventory.messages import ExpireReservations
from contexts.messages import Command, Stamped, first_cause
from contexts.orders.messages import ReconcilePayments
from contexts.reconciliation import RECONCILE_LAG
from contexts.subscriptions import QUEUES, destinations
from persistence.amqp import Publisher, Unconfirmed

logger = logging.getLogger(__name__)

#: Seconds that RabbitMQ may take to answer before ticks are missed, and said to be.
STARTING_SECONDS = 10.0

#: The namespace of tick ids.
TICKS = UUID("5a3c53a1-6d0f-4b5b-9d3e-3f6d5d4f9a10")


@dataclass(frozen=True, slots=True)
class Tick:
    """A command that is sent every so many seconds."""

    every_seconds: int
    command: Callable[[datetime], Command]

    def due(self, now: datetime) -> datetime:
        """Return the latest moment, at or before now, that this tick falls on."""
        return datetime.fromtimestamp(int(now.timestamp()) // self.every_seconds * self.every_seconds, UTC)

    def stamped(self, at: datetime) -> Stamped:
        """Return the tick of one moment; the same moment gives the same message."""
        command = self.command(at)
        identity = named(TICKS, f"{command.wire_name}/{at.isoformat()}")
        return first_cause(identity, command, identity)


SCHEDULE = (
    Tick(5, lambda at: SweepDeadlines(at=at)),
    Tick(30, lambda at: ExpireReservations(at=at)),
    Tick(60, lambda at: ReconcilePayments(run_id=look_at("payments", at), until=at - RECONCILE_LAG)),
    Tick(60, lambda at: ReconcileShipments(run_id=look_at("shipments", at), until=at - RECONCILE_LAG)),
)


def look_at(subject: str, at: datetime) -> UUID:
    """Name the look of a reconciliation that begins at a tick."""
    return named(TICKS, f"{subject}/{at.isoformat()}")


async def tick_forever(url: str, stop: asyncio.Event) -> None:
    """Send every tick of the schedule when it is due, until told to stop."""
    publisher = Publisher(url, QUEUES, "first-viscount scheduler")
    await publisher.start()
    with suppress(TimeoutError):
        await publisher.wait_until_open(STARTING_SECONDS)
    sent: dict[Tick, datetime] = {}
    while not stop.is_set():
        now = datetime.now(UTC)
        for tick in SCHEDULE:
            at = tick.due(now)
            if sent.get(tick) != at:
                sent[tick] = at
                await _send(publisher, tick.stamped(at))
        try:
            await asyncio.wait_for(stop.wait(), 0.5)
        except TimeoutError:
            continue
    await publisher.close()


async def _send(publisher: Publisher, tick: Stamped) -> None:
    try:
        for destination in destinations(type(tick.body)):
            await publisher.publish(destination, [tick.to_json()])
    except Unconfirmed as error:
        logger.warning("%s was not sent, the next one makes up for it: %s", tick.body.wire_name, error)


async def run(url: str) -> None:
    """Tick until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await tick_forever(url, stop)


def main() -> int:
    """Start the clock."""
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"), format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    url = os.environ.get("RABBITMQ_URL")
    if not url:
        print('RABBITMQ_URL is not set: run eval "$(scripts/servers env)", which prints it, or set it', file=sys.stderr)
        return 2
    asyncio.run(run(url))
    return 0


if __name__ == "__main__":
    sys.exit(main())
