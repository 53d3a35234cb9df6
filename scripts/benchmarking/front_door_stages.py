"""The stages around the front door's measurements: its process alone, and the orders it took brought to their end."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import aiohttp

from benchmarking import platform, process_figures
from benchmarking.platform import PlatformFailedError, serving
from demonstration import journeys
from demonstration.databases import looking_into, one_number
from demonstration.processes import Processes
from demonstration.setting_up import PATIENCE, look_at_queues, queues
from local_servers import places

_SINCE = "SELECT id FROM orders WHERE created_at >= %s"
_COUNT = "SELECT count(*) FROM orders WHERE created_at >= %s"
_COMPLETED = "SELECT count(*) FROM orders WHERE created_at >= %s AND status = 'COMPLETED'"


@dataclass(frozen=True, slots=True)
class Web:
    """The front door's process, and where it listens."""

    pid: int
    url: str


@asynccontextmanager
async def web_alone(run_id: UUID) -> AsyncIterator[Web]:
    """Run the Procfile's `web` and nothing beside it, so that what it accepts stays in its queue."""
    processes = Processes(str(run_id), places.directory("bench"), keep=False, only=["web"])
    try:
        processes.start()
        await _ready(processes.url)
        yield Web(web_of(run_id), processes.url)
    finally:
        processes.stop()


def web_of(run_id: UUID) -> int:
    """Return the id of a run's one front door process. Raises `PlatformFailedError`."""
    found = [pid for pid, name in process_figures.of_procfile(run_id).items() if name == "web"]
    if len(found) != 1:
        raise PlatformFailedError(f"one web process was to run, not {len(found)}")
    return found[0]


def now() -> datetime:
    """Return the present by PostgreSQL's clock."""
    with looking_into("orders") as connection:
        (moment,) = connection.execute("SELECT clock_timestamp()").fetchone() or (None,)
    if not isinstance(moment, datetime):
        raise PlatformFailedError("PostgreSQL does not tell the time")
    return moment


async def brought_to_their_end(since: datetime, accepted: int, unanswered: int, run_id: UUID) -> list[str]:
    """Start the workers, wait until every order placed since is final and told of; return what is wrong.

    As many as were accepted must be there; up to `unanswered` more may be, whose answers wrk did not wait for.
    """
    async with serving(run_id):
        await _drained(since, accepted)
        ids = await asyncio.to_thread(_placed, since)
        violations = await platform.audited(ids)
    completed = await asyncio.to_thread(one_number, "orders", _COMPLETED, since)
    return violations + counted(accepted, unanswered, len(ids), completed)


def counted(accepted: int, unanswered: int, placed: int, completed: int) -> list[str]:
    """Return a sentence for each count that cannot be: orders lost, orders from nowhere, orders not completed."""
    sentences = []
    if not accepted <= placed <= accepted + unanswered:
        most = f" and {unanswered} more may have been" if unanswered else ""
        sentences.append(f"{accepted} orders were accepted{most}, but the orders context has {placed}")
    if completed != placed:
        sentences.append(f"of {placed} orders {completed} were completed")
    return sentences


async def _ready(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(2)) as session:
        while time.monotonic() < deadline:
            try:
                async with session.get(f"{url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass  # it is still starting
            await asyncio.sleep(0.1)
    raise PlatformFailedError(f"the front door is not ready after {PATIENCE:.0f} s")


async def _drained(since: datetime, accepted: int) -> None:
    """Wait until nothing is queued and no journey runs; raises `PlatformFailedError` when nothing moves any more."""
    seen, moved_at = (-1, -1, -1), time.monotonic()
    while True:
        waiting, placed, (running, progress) = await asyncio.to_thread(_standing, since)
        # A message that is at work is in no queue: an order counts from the moment that it has its row.
        if not waiting and not running and placed >= accepted:
            return
        if (waiting, placed, progress) != seen:
            seen, moved_at = (waiting, placed, progress), time.monotonic()
        elif time.monotonic() - moved_at > platform.STANDSTILL:
            raise PlatformFailedError(f"{waiting} messages wait, {running} journeys run, and nothing moves")
        await asyncio.sleep(platform.PAUSE)


def _standing(since: datetime) -> tuple[int, int, tuple[int, int]]:
    waiting = sum(messages for messages, _ in look_at_queues(queues()).values())
    return waiting, one_number("orders", _COUNT, since), journeys.under_way()


def _placed(since: datetime) -> Sequence[UUID]:
    with looking_into("orders") as connection:
        return [order_id for (order_id,) in connection.execute(_SINCE, (since,))]
