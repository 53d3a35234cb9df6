"""Every kind of fault and how it is done."""

import asyncio
import os
import time
from collections.abc import Mapping
from random import Random
from signal import SIGINT, SIGKILL, SIGQUIT, SIGTERM

from drilling import breaking, killing, meddling
from drilling.clocks import NOTICED_AFTER
from drilling.kinds import Kind
from drilling.site import Site, Strike, Struck

#: Seconds that a clock may be wrong by.
MOST_SKEW = 120

#: The queues that the journey of an order passes.
QUEUES = ("coordination", "inventory", "orders", "payments", "delivery", "notifications")


def _meddle(order: meddling.Order) -> Strike:
    async def strike(_site: Site, dice: Random) -> Struck | None:
        queue = dice.choice(QUEUES)
        count = await asyncio.to_thread(meddling.meddle, os.environ["RABBITMQ_URL"], queue, order, dice)
        return Struck(time.monotonic(), f"{count} envelopes to {queue}") if count else None

    return strike


async def skew_clocks(site: Site, dice: Random) -> Struck | None:
    """Process types that live by deadlines each get a wrong time of their own, until the next such fault."""
    if site.clocks is None:
        return None
    moved = {name: dice.randint(-MOST_SKEW, MOST_SKEW) for name in site.clocks.names}
    for name, seconds in moved.items():
        site.clocks.move(name, seconds)
    await asyncio.sleep(NOTICED_AFTER)
    return Struck(time.monotonic(), " ".join(f"{name} {seconds:+d} s" for name, seconds in moved.items()))


STRIKES: Mapping[Kind, Strike] = {
    Kind.KILL_WORKER: killing.kill_worker,
    Kind.KILL_FRONT_DOOR: killing.kill_front_door,
    Kind.KILL_SCHEDULER: killing.kill_scheduler,
    Kind.KILL_SUPERVISOR: killing.kill_supervisor,
    Kind.CRASH_POINT: killing.die_at_crash_point,
    Kind.FREEZE_WORKER: killing.freeze_worker,
    Kind.RABBITMQ_RESTART: breaking.restart("rabbitmq", SIGTERM, SIGKILL),
    Kind.RABBITMQ_CONNECTIONS_CLOSED: breaking.close_rabbitmq_connections,
    Kind.POSTGRESQL_RESTART: breaking.restart("postgresql", SIGINT, SIGQUIT),
    Kind.POSTGRESQL_BACKENDS_TERMINATED: breaking.terminate_postgresql_backends,
    Kind.REDIS_FLUSH: breaking.flush_redis,
    Kind.REDIS_STOP: breaking.restart("redis", SIGTERM, SIGKILL),
    Kind.MONGODB_STOP: breaking.restart("mongodb", SIGTERM, SIGKILL),
    Kind.GATEWAY_TIMEOUT_AFTER_WORK: breaking.provider("PAYMENT_GATEWAY_URL", breaking.lost_answers),
    Kind.CARRIER_TIMEOUT_AFTER_WORK: breaking.provider("CARRIER_URL", breaking.lost_answers),
    Kind.GATEWAY_ERRORS: breaking.provider("PAYMENT_GATEWAY_URL", breaking.errors),
    Kind.MESSAGES_DUPLICATED: _meddle(meddling.duplicated),
    Kind.MESSAGES_DELAYED: _meddle(meddling.delayed),
    Kind.MESSAGES_REORDERED: _meddle(meddling.reordered),
    Kind.CLOCK_SKEW: skew_clocks,
}
