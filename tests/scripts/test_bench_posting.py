"""The closed load of the benchmarks, against a real server that answers as each test wants."""

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from uuid import UUID, uuid4, uuid5

import pytest
from aiohttp import web

from benchmarking import posting, workload
from benchmarking.http_answer import Answer, UnreadableError, whole_answer
from demonstration.catalogue import CDNOW
from demonstration.cdnow import Purchase
from demonstration.customers import order_body
from demonstration.outcomes import PlannedOrder
from demonstration.tally import Tally

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"


def named_by(key: str) -> str:
    """Return the run and the number of the order that a key was made for: the key's own bits behind its time."""
    own = (1 << 62) - 1
    (found,) = (n for n in range(1, 51) if uuid5(CDNOW, f"run/{n}").int & own == UUID(key).int & own)
    assert UUID(key).version == 7
    return f"run/{found}"


class Door:
    """What was posted to the server, by what its key was made for, and the order ids that it gave."""

    def __init__(self, *answers: Callable[[web.Request], Awaitable[web.Response]]) -> None:
        self.bodies: dict[str, bytes] = {}
        self.sent: list[str] = []
        self.keys: list[str] = []
        self.given: dict[str, UUID] = {}
        self.ports = set[int]()
        self._answers = list(answers)

    async def post(self, request: web.Request) -> web.Response:
        """Answer as wanted, then accept."""
        key = request.headers["Idempotency-Key"]
        self.sent.append(key)
        self.keys.append(name := named_by(key))
        self.bodies[name] = await request.read()
        self.ports.add(request.transport.get_extra_info("peername")[1] if request.transport else 0)
        if self._answers:
            return await self._answers.pop(0)(request)
        order_id = self.given.setdefault(name, uuid4())
        return web.json_response({"order_id": str(order_id)}, status=202)


def test_every_order_is_posted_once_as_the_demo_posts_it() -> None:
    door, orders = Door(), planned(50)

    tally = post(door, orders, connections=8)

    assert tally.accepted == {door.given[f"run/{order.number}"]: order for order in orders}
    assert door.bodies == {f"run/{order.number}": order_body(order.purchase, order.fate) for order in orders}
    assert Counter(door.keys).most_common(1)[0][1] == 1
    assert (tally.refused, tally.retries) == ([], 0)


def test_a_connection_is_kept_for_the_next_order() -> None:
    door = Door()

    post(door, planned(50), connections=3)

    assert len(door.ports) == 3


@pytest.mark.parametrize("status", [503, 504])
def test_an_order_that_comes_at_a_bad_moment_is_posted_again_under_the_same_key(status: int) -> None:
    door, orders = Door(saying(status, "not now", {"Retry-After": "0"})), planned(3)

    tally = post(door, orders, connections=1)

    assert door.keys == ["run/1", "run/1", "run/2", "run/3"]
    assert door.sent[0] == door.sent[1]
    assert list(tally.accepted.values()) == orders
    assert tally.retries == 1


@pytest.mark.parametrize("status", [422, 500])
def test_a_refusal_is_told_in_the_front_doors_words_and_the_others_go_on(status: int) -> None:
    door, orders = Door(saying(status, "no such product")), planned(3)

    tally = post(door, orders, connections=1)

    assert tally.refused == [f"purchase 1 was not accepted: {status} no such product"]
    assert list(tally.accepted.values()) == orders[1:]


def test_a_connection_that_the_server_closes_after_an_answer_is_made_anew() -> None:
    async def last(request: web.Request) -> web.Response:
        response = web.json_response({"order_id": str(uuid4())}, status=202)
        response.force_close()
        return response

    door = Door(last)

    tally = post(door, planned(3), connections=1)

    assert (len(tally.accepted), tally.retries, len(door.ports)) == (3, 0, 2)


def test_a_connection_that_was_closed_while_nobody_asked_is_made_anew() -> None:
    async def gone_before_the_next(request: web.Request) -> web.Response:
        transport = request.transport
        assert transport is not None
        asyncio.get_running_loop().call_later(0.1, transport.close)
        return web.Response(status=503, headers={"Retry-After": "1"})

    door = Door(gone_before_the_next)

    tally = post(door, planned(2), connections=1)

    assert (len(tally.accepted), tally.retries, len(door.ports)) == (2, 1, 2)


def test_an_order_whose_connection_ends_without_an_answer_is_posted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "PAUSE", 0.01)
    door, orders = Door(cutting_off), planned(2)

    tally = post(door, orders, connections=1)

    assert door.keys == ["run/1", "run/1", "run/2"]
    assert list(tally.accepted.values()) == orders
    assert tally.retries == 1


def test_an_order_that_nobody_answers_is_posted_again_over_another_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("PAUSE", 0.01), ("LOOK", 0.05), ("TIMEOUT", 0.2)):
        monkeypatch.setattr(posting, name, seconds)

    async def silent(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        raise AssertionError("the client waited")

    door = Door(silent)

    tally = post(door, planned(2), connections=1)

    assert (len(tally.accepted), door.keys, len(door.ports)) == (2, ["run/1", "run/1", "run/2"], 2)


def test_a_front_door_that_accepts_nothing_any_more_ends_the_load_with_its_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, seconds in (("LOOK", 0.05), ("PATIENCE", 0.3)):
        monkeypatch.setattr(posting, name, seconds)
    door = Door(*[saying(503, "not now", {"Retry-After": "0"})] * 10_000)

    with pytest.raises(TimeoutError, match=r"accepted no order for .*: 503 not now"):
        post(door, planned(2), connections=1)


def test_a_load_that_is_stopped_ends() -> None:
    stopped = threading.Event()

    async def stopping(_: web.Request) -> web.Response:
        stopped.set()
        return web.Response(status=503, headers={"Retry-After": "60"})

    tally = Tally(1)
    with serving(Door(stopping)) as url:
        requests = posting.prepared(url, "run", planned(1))
        asyncio.run(posting.Posting(url, requests, 1, tally).run(stopped))

    assert (tally.accepted, tally.refused) == ({}, [])


@pytest.mark.parametrize("place", range(len(ACCEPTED)))
def test_an_answer_is_whole_with_the_last_byte_of_its_body(place: int) -> None:
    assert whole_answer(ACCEPTED[:place]) is None
    assert whole_answer(ACCEPTED) == Answer(202, b"{}", None, closes=False)


def test_an_answer_says_when_to_come_again_and_whether_it_is_the_last() -> None:
    received = b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\nconnection: Close\r\ncontent-length: 3\r\n\r\nnow"

    assert whole_answer(received) == Answer(503, b"now", 7.0, closes=True)


def test_a_header_in_the_body_is_none() -> None:
    body = b"\r\nConnection: close\r\nRetry-After: 5\r\n"
    answer = whole_answer(b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    assert answer == Answer(400, body, None, closes=False)


@pytest.mark.parametrize(
    "received",
    [
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        ACCEPTED * 2,
    ],
    ids=["chunked", "another protocol", "two at once"],
)
def test_what_is_not_one_answer_with_its_length_is_unreadable(received: bytes) -> None:
    with pytest.raises(UnreadableError, match="not one answer with a Content-Length"):
        whole_answer(received)


def saying(
    status: int, text: str, headers: dict[str, str] | None = None
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """An answer with these words."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers=headers)

    return answer


async def cutting_off(request: web.Request) -> web.Response:
    """No answer: the connection ends."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def planned(count: int) -> list[PlannedOrder]:
    """So many orders for one compact disc, of a few customers."""
    return workload.planned([Purchase(number % 7, date(1997, 1, 1), 1, 1177) for number in range(count)])


def post(door: Door, orders: Sequence[PlannedOrder], connections: int) -> Tally:
    """Post orders to a server with this door."""
    tally = Tally(len(orders))
    with serving(door) as url:
        asyncio.run(posting.post_all(url, "run", orders, connections, tally))
    return tally


@contextmanager
def serving(door: Door) -> Iterator[str]:
    """Run the server in a thread; yield its URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    app = web.Application()
    app.router.add_post("/v1/orders", door.post)
    runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def begin() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return int(runner.addresses[0][1])

    try:
        yield f"http://127.0.0.1:{asyncio.run_coroutine_threadsafe(begin(), loop).result(10)}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
