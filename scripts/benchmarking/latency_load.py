"""The load of `scripts/bench latency`: orders posted at appointed times, whatever became of those before them."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import aiohttp

from benchmarking.platform import PAUSE, STANDSTILL, PlatformFailedError
from demonstration import journeys
from demonstration.customers import idempotency_key, order_body
from demonstration.outcomes import PlannedOrder
from demonstration.replay import TIMEOUT
from demonstration.tally import Tally

#: Seconds from the beginning to the first appointed time.
LEAD = 0.5

#: Times that both clocks are read together.
READINGS = 100

#: Seconds by which the machine's clock may be off at the end: more, and it was set while it was needed.
CLOCK_TOLERANCE = 0.001


@dataclass(frozen=True, slots=True)
class Sending:
    """One order on its way in: moments in seconds since 1970, by the clock that the workers stamp with."""

    order_id: UUID
    appointed: float
    sent: float
    accepted: float


@dataclass(frozen=True, slots=True)
class Offered:
    """All orders, in the order of their appointed times, and the tally that knows what becomes of them."""

    sendings: Sequence[Sending]
    tally: Tally


async def offer(url: str, orders: Sequence[PlannedOrder], rate: float) -> Offered:
    """Post so many orders a second, evenly spaced, over as many connections as that takes.

    Nothing is sent again: an order that is not accepted ends the measurement. Raises `PlatformFailedError`.
    """
    run, tally = uuid4().hex, Tally(len(orders))
    bodies = [order_body(one.purchase, one.fate) for one in orders]
    headers = {"Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=TIMEOUT, headers=headers) as session:
        door = _Door(session, f"{url}/v1/orders", run, tally, epoch())
        sendings = await _in_time(door, orders, bodies, rate)
        door.check_clock()
    if tally.refused:
        raise PlatformFailedError(f"{len(tally.refused)} orders were not accepted: {tally.refused[0]}")
    return Offered([one for one in sendings if one], tally)


def epoch() -> float:
    """Return what turns seconds of the monotonic clock into seconds since 1970.

    The clocks are read in a row, so a process that is put aside between is off: the quickest of some readings counts.
    """
    readings = [(time.monotonic(), time.time(), time.monotonic()) for _ in range(READINGS)]
    before, moment, after = min(readings, key=lambda reading: reading[2] - reading[0])
    return moment - (before + after) / 2


async def until_ended(tally: Tally) -> None:
    """Wait until every order is completed, or undone; raises `PlatformFailedError` when nothing moves any more."""
    watch = journeys.Watch(tally)
    tally.moved()
    while True:
        await watch.look()
        if tally.is_over:
            return
        if time.monotonic() - tally.moved_at > STANDSTILL:
            raise PlatformFailedError("; ".join(journeys.hanging(tally.in_flight)[:3]))
        await asyncio.sleep(PAUSE)


async def _in_time(
    door: "_Door", orders: Sequence[PlannedOrder], bodies: Sequence[bytes], rate: float
) -> list[Sending | None]:
    first = time.monotonic() + LEAD
    async with asyncio.TaskGroup() as group:
        tasks = []
        for place, (order, body) in enumerate(zip(orders, bodies, strict=True)):
            appointed = first + place / rate
            await asyncio.sleep(max(0.0, appointed - time.monotonic()))
            tasks.append(group.create_task(door.post(order, body, appointed)))
    return [task.result() for task in tasks]


class _Door:
    """The front door, as this load's client meets it; `epoch` turns monotonic seconds into seconds since 1970."""

    def __init__(self, session: aiohttp.ClientSession, url: str, run: str, tally: Tally, epoch: float) -> None:
        self._session = session
        self._url = url
        self._run = run
        self._tally = tally
        self._epoch = epoch

    async def post(self, order: PlannedOrder, body: bytes, appointed: float) -> Sending | None:
        """Post an order once; None, and a line in the tally, if it was not accepted."""
        headers, sent = {"Idempotency-Key": idempotency_key(self._run, order.number)}, time.monotonic()
        try:
            async with self._session.post(self._url, data=body, headers=headers) as answer:
                said, accepted = await answer.read(), time.monotonic()
                if answer.status != 202:
                    self._tally.refuse(order, f"{answer.status} {said[:300]!r}")
                    return None
                order_id = UUID((await answer.json())["order_id"])
        except (aiohttp.ClientError, TimeoutError) as problem:
            self._tally.refuse(order, f"{type(problem).__name__}: {problem}")
            return None
        self._tally.accept(order_id, order)
        return Sending(order_id, self._epoch + appointed, self._epoch + sent, self._epoch + accepted)

    def check_clock(self) -> None:
        """Raise `PlatformFailedError` if the machine's clock was set since the beginning."""
        moved = epoch() - self._epoch
        if abs(moved) > CLOCK_TOLERANCE:
            raise PlatformFailedError(f"the machine's clock was set by {moved * 1000:+.1f} ms meanwhile; measure again")
