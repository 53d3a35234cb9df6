"""The relay: takes committed parcels to RabbitMQ and deletes them from the outbox once they are confirmed there.

Every worker process relays what it commits, and holds what RabbitMQ did not confirm until it is back; what a crash left
behind, and what was put aside for later, a sweep finds.
"""

import asyncio
import logging
import threading
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import uvloop

from actors.runtime.back_off import INBOX_MEMORY
from actors.runtime.crash_points import CrashPoint, reached
from contexts.subscriptions import QUEUES
from persistence.amqp import Publisher
from persistence.parcels import Parcel

logger = logging.getLogger(__name__)

#: Seconds between two looks for parcels whose time has come.
SWEEP_SECONDS = 0.5

#: Parcels taken by one sweep.
SWEEP_LIMIT = 500

#: Parcels held in memory for RabbitMQ to come back; more are left to the sweep, which is slower.
HELD_AT_MOST = 10_000

#: Seconds that confirmed parcels gather before one statement deletes them. One that a crash leaves is only sent again.
DELETE_SECONDS = 0.05

#: Seconds between two times that old inbox rows are deleted.
FORGET_SECONDS = 600.0


class Relay:
    """One thread with an asyncio loop: publishes, sweeps, and deletes what the outbox and the inbox may forget."""

    def __init__(self, store: Any, rabbitmq_url: str) -> None:
        self._store = store
        self._url = rabbitmq_url
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"relay-{store.context}", daemon=True)
        self._under_way: set[UUID] = set()
        self._held: list[Parcel] = []
        self._confirmed: list[Parcel] = []
        self._something_confirmed = asyncio.Event()
        self._eraser: asyncio.Task[None] | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._forgetter: asyncio.Task[None] | None = None
        self._publisher: Publisher | None = None

    def start(self, timeout: float = 30.0) -> None:
        """Connect, and start to sweep; raises `TimeoutError` if RabbitMQ does not answer within `timeout` seconds."""
        self._thread.start()
        self._run(self._start(timeout), timeout + 5)

    def hand_over(self, parcels: Sequence[Parcel]) -> None:
        """Publish committed parcels soon; returns at once. Any thread may call."""
        if parcels:
            self._loop.call_soon_threadsafe(self._publish, parcels)

    def stop(self, timeout: float = 5.0) -> None:
        """Wait until what was handed over has left the outbox, at most `timeout` seconds; the rest stays there."""
        self._run(self._stop(timeout), timeout + 10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self, work: Coroutine[Any, Any, None], timeout: float) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    async def _start(self, timeout: float) -> None:
        self._publisher = Publisher(self._url, QUEUES, f"first-viscount relay of {self._store.context}")
        await self._publisher.start()
        await self._publisher.wait_until_open(timeout)
        self._eraser, self._sweeper = asyncio.create_task(self._erase()), asyncio.create_task(self._sweep())
        self._forgetter = asyncio.create_task(self._forget())

    async def _stop(self, timeout: float) -> None:
        deadline = self._loop.time() + timeout
        for task in (self._sweeper, self._forgetter):
            if task:
                task.cancel()
        while (self._under_way or self._confirmed) and self._loop.time() < deadline:
            await asyncio.sleep(0.01)
        if self._eraser:
            self._eraser.cancel()
        if self._publisher:
            await self._publisher.close()

    def _publish(self, parcels: Sequence[Parcel]) -> None:
        publisher = self._publisher
        if publisher is None or not publisher.is_open:
            self._hold(parcels)
            return
        for parcel in parcels:
            self._under_way.add(parcel.id)
            reached(CrashPoint.BEFORE_PUBLISH, parcel.destination.actor)
            future = publisher.publish(parcel.destination, parcel.messages)
            future.add_done_callback(partial(self._settled, parcel))
            reached(CrashPoint.AFTER_PUBLISH, parcel.destination.actor)

    def _settled(self, parcel: Parcel, done: "asyncio.Future[None]") -> None:
        self._under_way.discard(parcel.id)
        if done.cancelled() or done.exception() is not None:
            self._hold([parcel])
            return
        reached(CrashPoint.AFTER_CONFIRM, parcel.destination.actor)
        self._confirmed.append(parcel)
        self._something_confirmed.set()

    def _hold(self, parcels: Sequence[Parcel]) -> None:
        """Remember parcels that are in the outbox only: they leave as soon as RabbitMQ is back."""
        self._held += parcels[: HELD_AT_MOST - len(self._held)]

    def _let_go(self) -> None:
        held, self._held = self._held, []
        self._publish(held)

    async def _erase(self) -> None:
        while True:
            await self._something_confirmed.wait()
            await asyncio.sleep(DELETE_SECONDS)
            self._something_confirmed.clear()
            # They stay in the list while they are deleted, so that who stops waits for that, too.
            sent = list(self._confirmed)
            try:
                await self._loop.run_in_executor(None, self._store.delete_sent, [parcel.id for parcel in sent])
            except Exception as error:  # noqa: BLE001 - told apart, and logged, by `_passing`
                self._passing(error)
                await asyncio.sleep(1)
                self._something_confirmed.set()
            else:
                del self._confirmed[: len(sent)]
                for parcel in sent:
                    reached(CrashPoint.AFTER_ERASE, parcel.destination.actor)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            publisher = self._publisher
            if publisher is None or not publisher.is_open:
                continue
            self._let_go()
            try:
                parcels = await self._loop.run_in_executor(None, self._store.claim_due, SWEEP_LIMIT)
                self._publish([parcel for parcel in parcels if parcel.id not in self._under_way])
            except Exception as error:  # noqa: BLE001 - told apart, and logged, by `_passing`; the sweep goes on
                self._passing(error)

    async def _forget(self) -> None:
        while True:
            try:
                forgotten = await self._loop.run_in_executor(None, self._store.prune_inbox, INBOX_MEMORY)
                logger.debug("%s inbox rows of %s were old", forgotten, self._store.context)
            except Exception as error:  # noqa: BLE001 - told apart, and logged, by `_passing`; another time will do
                self._passing(error)
            await asyncio.sleep(FORGET_SECONDS)

    def _passing(self, error: Exception) -> None:
        if not self._store.is_passing_fault(error):
            logger.exception("the relay of %s cannot use its outbox", self._store.context, exc_info=error)
        else:
            logger.warning("the database of %s is away: %s", self._store.context, error)
