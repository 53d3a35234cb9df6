"""Faults of processes: killed, frozen, or dead at a crash point."""

import asyncio
import os
import signal
import time
from pathlib import Path
from random import Random

from actors.runtime.crash_points import ANY_ACTOR, CrashPoint
from contexts.coordination.place_order import PLACE_ORDER
from contexts.delivery.messages import ScheduleDelivery
from contexts.messages import Message
from contexts.orders.messages import AuthorizePayment, OrderPlaced, PlaceOrder, SettleOrder
from contexts.subscriptions import destinations
from drilling.platform import FRONT_DOOR, SCHEDULER
from drilling.site import Site, Struck, until_ended

#: Seconds that a crash point has to be passed by somebody, and how many are tried.
CLAIM_SECONDS, TRIES = 5.0, 6

#: Seconds that a frozen process stands still, at least and at most.
FROZEN = (1.0, 6.0)

#: Points that only actors pass who ask a party outside, and those that only a failing message passes.
_OF_A_CALL = frozenset({CrashPoint.BEFORE_ATTEMPT_COMMIT, CrashPoint.BEFORE_CALL, CrashPoint.AFTER_CALL})
_OF_A_FAILURE = frozenset({CrashPoint.BEFORE_PUTTING_ASIDE, CrashPoint.AFTER_PUTTING_ASIDE})

_ASKING = (AuthorizePayment, ScheduleDelivery, SettleOrder)


async def kill_worker(site: Site, dice: Random) -> Struck | None:
    """SIGKILL to a worker of any type."""
    return await _kill(site, dice.choice(site.platform.workers))


async def kill_front_door(site: Site, _dice: Random) -> Struck | None:
    """SIGKILL to the front door."""
    return await _kill(site, FRONT_DOOR)


async def kill_scheduler(site: Site, _dice: Random) -> Struck | None:
    """SIGKILL to the scheduler."""
    return await _kill(site, SCHEDULER)


async def kill_supervisor(site: Site, dice: Random) -> Struck | None:
    """SIGKILL to a supervisor: its process is told to stop, and whoever runs the platform starts both again.

    It is over when the old process, which finishes what it is at, has ended; raises `StillThereError` if it does not.
    """
    name = dice.choice(tuple(site.platform.commands))
    orphan = await site.process(name)
    os.kill(site.platform.supervisor(name), signal.SIGKILL)
    await until_ended(orphan, name)
    return Struck(time.monotonic(), f"the supervisor of {name}")


async def freeze_worker(site: Site, dice: Random) -> Struck | None:
    """SIGSTOP to a worker, and SIGCONT seconds later: it goes on in the middle of what it was doing."""
    name = dice.choice(site.platform.workers)
    pid = await site.process(name)
    seconds = dice.uniform(*FROZEN)
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)
    return Struck(time.monotonic(), f"{name} for {seconds:.1f} s")


async def die_at_crash_point(site: Site, dice: Random) -> Struck | None:
    """Whoever passes the point next dies there; a point that nobody passes is withdrawn and another drawn."""
    for point, actor in dice.sample(crash_points(), TRIES):
        if await _dies_at(site.platform.deaths / f"{point}@{actor}"):
            return Struck(time.monotonic(), f"{point}@{actor}")
    return None


def crash_points() -> list[tuple[str, str]]:
    """Return every point and actor that the journey of an order passes."""
    asking = {one.actor for kind in _ASKING for one in destinations(kind)}
    everywhere = [point for point in CrashPoint if point not in _OF_A_FAILURE]
    found = [(point.value, ANY_ACTOR) for point in everywhere]
    for actor in _actors():
        found += [(point.value, actor) for point in everywhere if actor in asking or point not in _OF_A_CALL]
    return found


def _actors() -> list[str]:
    passed: list[type[Message]] = [PlaceOrder, OrderPlaced, *_ASKING, *(step.done for step in PLACE_ORDER.steps)]
    return sorted({one.actor for kind in passed for one in destinations(kind)})


async def _dies_at(waiting: Path) -> bool:
    died = waiting.with_name(f"died-{waiting.name}")
    died.unlink(missing_ok=True)
    waiting.touch()
    deadline = time.monotonic() + CLAIM_SECONDS
    try:
        while time.monotonic() < deadline and not died.exists():
            await asyncio.sleep(0.02)
    finally:
        waiting.unlink(missing_ok=True)
    return died.exists()


async def _kill(site: Site, name: str) -> Struck:
    pid = await site.process(name)
    os.kill(pid, signal.SIGKILL)
    while site.platform.process(name) == pid:
        await asyncio.sleep(0.01)
    return Struck(time.monotonic(), name)
