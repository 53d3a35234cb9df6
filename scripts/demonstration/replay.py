"""The replay: purchases posted as orders in date order, several customers at once, each of them one by one."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from uuid import UUID

import aiohttp

from demonstration.customers import idempotency_key, order_body
from demonstration.outcomes import PlannedOrder
from demonstration.tally import Tally

#: Seconds before a request that nobody answered, or that came at a bad moment, is sent again.
PAUSE = 0.5

#: Seconds in which a request must be answered.
TIMEOUT = aiohttp.ClientTimeout(total=20)

#: Statuses that say: not now. The same request comes again, with the same key.
NOT_NOW = frozenset({429, 500, 502, 503, 504})


class Replay:
    """Posts every order until it is accepted, or refused for good."""

    def __init__(self, url: str, run: str, orders: Sequence[PlannedOrder], customers: int, tally: Tally) -> None:
        self._url = f"{url}/v1/orders"
        self._run = run
        self._orders = iter(orders)
        self._customers = customers
        self._tally = tally
        self._latest: dict[int, asyncio.Event] = {}

    async def run(self) -> None:
        """Post all orders, by so many customers at once."""
        connector = aiohttp.TCPConnector(limit=self._customers)
        headers = {"Content-Type": "application/json"}
        async with aiohttp.ClientSession(connector=connector, timeout=TIMEOUT, headers=headers) as session:
            self._tally.first_post = time.time()
            async with asyncio.TaskGroup() as group:
                for _ in range(self._customers):
                    group.create_task(self._post_in_turn(session, self._orders))

    async def _post_in_turn(self, session: aiohttp.ClientSession, orders: Iterator[PlannedOrder]) -> None:
        for order in orders:
            customer, accepted = order.purchase.customer, asyncio.Event()
            earlier, self._latest[customer] = self._latest.get(customer), accepted
            if earlier is not None:
                await earlier.wait()
            await self._post(session, order)
            accepted.set()

    async def _post(self, session: aiohttp.ClientSession, order: PlannedOrder) -> None:
        body = order_body(order.purchase, order.fate)
        headers = {"Idempotency-Key": idempotency_key(self._run, order.number)}
        while True:
            pause = PAUSE
            try:
                async with session.post(self._url, data=body, headers=headers) as answer:
                    if answer.status == 202:
                        self._tally.accept(UUID((await answer.json())["order_id"]), order)
                        return
                    if answer.status not in NOT_NOW:
                        self._tally.refuse(order, f"{answer.status} {(await answer.text())[:300]}")
                        return
                    pause = float(answer.headers.get("Retry-After", PAUSE))
            except (aiohttp.ClientError, TimeoutError):
                pass  # the front door was away for a moment: nothing tells whether it has the order, so ask again
            self._tally.retries += 1
            await asyncio.sleep(pause)
