"""The closed load of the benchmarks: orders posted over so many connections, each the next one as soon as it may.

It shares two cores with the platform that it measures, so an order may cost it next to nothing: requests are made
before the first is sent, and an answer is read as far as is needed. What is posted, and under which keys, is what the
demo posts (demonstration/replay.py), except that orders of one customer do not wait for each other.
"""

import asyncio
import threading
import time
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit
from uuid import UUID

import orjson
import uvloop

from benchmarking.http_answer import Answer, UnreadableError
from benchmarking.keep_alive import KeptConnection
from benchmarking.threads import in_a_thread
from demonstration.customers import idempotency_key, order_body
from demonstration.outcomes import PlannedOrder
from demonstration.replay import PAUSE
from demonstration.tally import Tally

#: Seconds between two looks at the connections; in which a request must be answered; and without any order accepted
#: after which it is given up.
LOOK, TIMEOUT, PATIENCE = 1.0, 20.0, 60.0

ACCEPTED = 202

#: Away for a moment, and too busy to look a product up in time: statuses after which the same request comes again. A
#: fault (500) is none of these: it ends a benchmark.
NOT_NOW = frozenset({503, 504})


async def post_all(url: str, run: str, orders: Sequence[PlannedOrder], connections: int, tally: Tally) -> None:
    """Post all orders, each until it is accepted or refused, and note that in the tally.

    All keys are made before the first order is posted. An answer of 503 or 504, and a connection that ends without an
    answer, are followed by the same request under the same key; any other answer but 202 is a refusal. Raises `OSError`
    when nothing gets on any more.
    """
    requests = prepared(url, run, orders)
    # A thread with uvloop: the timers of this program's own loop stay exact below the millisecond, as latency needs.
    await in_a_thread(lambda stopped: uvloop.run(Posting(url, requests, connections, tally).run(stopped)))


def prepared(url: str, run: str, orders: Iterable[PlannedOrder]) -> list[tuple[PlannedOrder, bytes]]:
    """Return each order with its request, to the last byte."""
    host = urlsplit(url).netloc
    return [(order, _request(host, idempotency_key(run, order.number), order)) for order in orders]


def _request(host: str, key: str, order: PlannedOrder) -> bytes:
    body = order_body(order.purchase, order.fate)
    head = (
        f"POST /v1/orders HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Posting:
    """Some requests on their way to the front door."""

    def __init__(
        self, url: str, requests: Sequence[tuple[PlannedOrder, bytes]], connections: int, tally: Tally
    ) -> None:
        door = urlsplit(url)
        self._requests = iter(requests)
        self._connections = [KeptConnection(door.hostname or "", door.port or 80) for _ in range(connections)]
        self._tally = tally
        self._trouble = "nothing was answered"

    async def run(self, stopped: threading.Event) -> None:
        """Post them all, unless `stopped` is set. Raises `OSError`."""
        self._tally.moved()
        self._tally.first_post = time.time()
        waiting = {asyncio.create_task(self._post_in_turn(connection)) for connection in self._connections}
        try:
            while waiting and not stopped.is_set():
                ended, waiting = await asyncio.wait(waiting, timeout=LOOK, return_when=asyncio.FIRST_EXCEPTION)
                for task in ended:
                    task.result()
                self._look(time.monotonic())
        finally:
            for task in waiting:
                task.cancel()
            for connection in self._connections:
                connection.close()

    def _look(self, now: float) -> None:
        for connection in self._connections:
            connection.close_if_asked_before(now - TIMEOUT)
        if now - self._tally.moved_at > PATIENCE:
            raise TimeoutError(f"the front door accepted no order for {PATIENCE:.0f} s: {self._trouble}")

    async def _post_in_turn(self, connection: KeptConnection) -> None:
        for order, request in self._requests:
            while (pause := await self._post(connection, order, request)) is not None:
                self._tally.retries += 1
                await asyncio.sleep(pause)

    async def _post(self, connection: KeptConnection, order: PlannedOrder, request: bytes) -> float | None:
        """Post an order and note what is said; return the seconds until it is to be posted again, None if never."""
        try:
            answer = await connection.ask(request)
        except UnreadableError as problem:
            self._tally.refuse(order, str(problem))
            return None
        except OSError as problem:  # nothing tells whether the front door has the order, so ask again
            self._trouble = f"{type(problem).__name__}: {problem}"
            return PAUSE
        return self._noted(order, answer)

    def _noted(self, order: PlannedOrder, answer: Answer) -> float | None:
        if answer.status == ACCEPTED:
            self._tally.accept(UUID(orjson.loads(answer.body)["order_id"]), order)
            return None
        said = f"{answer.status} {answer.body[:300].decode(errors='replace')}"
        if answer.status not in NOT_NOW:
            self._tally.refuse(order, said)
            return None
        self._trouble = said
        return PAUSE if answer.retry_after is None else answer.retry_after
