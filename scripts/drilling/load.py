"""The load: purchases offered as orders at a steady rate, whatever the platform does; some are cancelled."""

import asyncio
import time
from collections.abc import Iterable
from random import Random
from uuid import UUID

import aiohttp

from demonstration.customers import idempotency_key, order_body
from demonstration.outcomes import PlannedOrder
from demonstration.replay import NOT_NOW, PAUSE, TIMEOUT
from drilling.ledger import Ledger

#: Share of the orders that their customers cancel, and seconds after the acceptance in which they do, at most.
CANCELLED, CANCELLED_WITHIN = 0.03, 1.5

#: Statuses that answer a cancellation for good.
CANCELLATION_ACCEPTED, TOO_LATE = 202, 409

#: Seconds in which an accepted order may be unknown to the front door: Redis was emptied, and orders has not come to it
#: yet.
UNKNOWN_SECONDS = 120.0


class Load:
    """An open loop: an order is offered when it is due, even if earlier ones still wait to be accepted."""

    def __init__(self, url: str, run: str, rate: float, ledger: Ledger, dice: Random, *, cancelling: bool) -> None:
        self._url = f"{url}/v1/orders"
        self._run = run
        self._rate = rate
        self._ledger = ledger
        self._dice = dice
        self._cancelling = cancelling
        self._enough = asyncio.Event()
        self.is_exhausted = False

    def stop(self) -> None:
        """Offer no more orders."""
        self._enough.set()

    async def run(self, orders: Iterable[PlannedOrder]) -> None:
        """Offer orders until told to stop, then return when every order offered was accepted, or refused for good."""
        headers = {"Content-Type": "application/json"}
        async with aiohttp.ClientSession(timeout=TIMEOUT, headers=headers) as session, asyncio.TaskGroup() as group:
            due = time.monotonic()
            for order in orders:
                if await self._stopped_before(due):
                    return
                due += 1 / self._rate
                self._ledger.offered += 1
                cancel_after = self._dice.uniform(0, CANCELLED_WITHIN) if self._dice.random() < CANCELLED else None
                group.create_task(self._order(session, order, cancel_after if self._cancelling else None))
            self.is_exhausted = True

    async def _stopped_before(self, due: float) -> bool:
        try:
            await asyncio.wait_for(self._enough.wait(), max(0.0, due - time.monotonic()))
        except TimeoutError:
            return False
        return True

    async def _order(self, session: aiohttp.ClientSession, order: PlannedOrder, cancel_after: float | None) -> None:
        body = order_body(order.purchase, order.fate)
        headers = {"Idempotency-Key": idempotency_key(self._run, order.number)}
        status, answer = await self._until_answered(session, self._url, headers, body)
        if status != 202:
            self._ledger.refuse(order, f"{status} {answer}"[:300])
            return
        order_id = UUID(answer["order_id"])
        self._ledger.accept(order_id, order)
        if cancel_after is not None:
            await asyncio.sleep(cancel_after)
            await self._cancel(session, order_id)

    async def _cancel(self, session: aiohttp.ClientSession, order_id: UUID) -> None:
        self._ledger.asked_to_cancel.add(order_id)
        deadline = time.monotonic() + UNKNOWN_SECONDS
        status, answer = 404, dict[str, str]()
        while status == 404 and time.monotonic() < deadline:
            status, answer = await self._until_answered(session, f"{self._url}/{order_id}/cancellation", {}, b"{}")
            if status == 404:
                self._ledger.unknown += 1
                await asyncio.sleep(PAUSE)
        if status == CANCELLATION_ACCEPTED:
            self._ledger.cancelled.add(order_id)
        elif status != TOO_LATE:
            self._ledger.complaints.append(f"order {order_id} could not be cancelled: {status} {answer}"[:300])

    async def _until_answered(
        self, session: aiohttp.ClientSession, url: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str]]:
        """Post again and again, the same under the same key, until there is an answer that is not `not now`."""
        while True:
            pause = PAUSE
            try:
                async with session.post(url, data=body, headers=headers) as answer:
                    if answer.status not in NOT_NOW:
                        return answer.status, await answer.json(content_type=None)
                    pause = float(answer.headers.get("Retry-After", PAUSE))
            except (aiohttp.ClientError, TimeoutError, ValueError):
                pass  # the front door was away for a moment: nothing tells whether it has the order, so ask again
            self._ledger.retries += 1
            await asyncio.sleep(pause)
