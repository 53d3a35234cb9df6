"""The front door's benchmark: its client against a real HTTP server, and the arithmetic of what it took."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
from aiohttp import web

from benchmarking import front_door_load
from benchmarking.front_door import KINDS, Figures
from benchmarking.front_door_load import Client, Load
from benchmarking.front_door_stages import counted
from local_servers import places

BODIES = [orjson.dumps({"order": place, "quoted": 'a "quoted" line'}) for place in range(3)]


class Door:
    """A server that remembers what it was asked, and answers as it is told to."""

    def __init__(self, status: int = 202) -> None:
        self.status = status
        self.keys: list[str] = []
        self.bodies: set[bytes] = set()
        self.paths: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        self.paths.add(request.path)
        if request.method == "POST":
            self.keys.append(request.headers["Idempotency-Key"])
            self.bodies.add(await request.read())
        return web.json_response({}, status=self.status)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Client]:
        """Serve; yield a client with two connections."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            port = runner.addresses[0][1]
            yield Client(f"http://127.0.0.1:{port}", os.getpid(), connections=2)
        finally:
            await runner.cleanup()


@pytest.fixture(autouse=True)
def _wrk() -> None:
    places.directory("bench")
    front_door_load.ensure_installed()


async def _post(door: Door) -> Load:
    async with door.open() as client:
        return await client.post(BODIES, "run/", 1)


def test_every_order_is_posted_under_a_key_of_its_own() -> None:
    door = Door()

    load = asyncio.run(_post(door))

    assert load.errors == 0
    assert len(set(door.keys)) == len(door.keys) >= load.requests > len(BODIES)
    assert all(key.startswith("run/") for key in door.keys)
    assert door.bodies == set(BODIES)
    assert door.paths == {"/v1/orders"}


def test_an_answer_of_400_or_above_is_an_error() -> None:
    load = asyncio.run(_post(Door(status=503)))

    assert load.errors == load.requests > 0


def test_paths_are_asked_for_in_turn() -> None:
    door = Door(status=200)

    async def get() -> Load:
        async with door.open() as client:
            return await client.get(["/v1/products/1", "/v1/products/2"], 1)

    load = asyncio.run(get())

    assert load.errors == 0
    assert door.paths == {"/v1/products/1", "/v1/products/2"}
    assert load.requests == pytest.approx(load.per_second, rel=0.5)
    assert 0 < load.client_cpu_ms < 1000 / load.per_second


def test_a_front_door_that_is_not_there_ends_the_measurement() -> None:
    client = Client("http://127.0.0.1:1", os.getpid(), connections=1)

    with pytest.raises(front_door_load.LoadFailedError, match="unable to connect"):
        asyncio.run(client.get(["/"], 1))


@pytest.mark.parametrize(("placed", "is_wrong"), [(99, True), (100, False), (104, False), (105, True)])
def test_accepted_orders_are_all_there_and_none_besides(placed: int, is_wrong: bool) -> None:
    assert bool(counted(accepted=100, unanswered=4, placed=placed, completed=placed)) is is_wrong


def test_an_order_that_was_not_completed_is_told() -> None:
    assert counted(accepted=10, unanswered=0, placed=10, completed=9) == ["of 10 orders 9 were completed"]


def test_the_figures_at_the_top_are_the_medians_of_the_rounds() -> None:
    found = Figures()
    for kind in KINDS:
        found.loads[kind] += [a_load(per_second) for per_second in (100.0, 5000.0, 300.0)]

    content = found.as_json()

    assert content["accepted_per_second"] == 300.0
    assert [one["cached_products"]["per_second"] for one in content["rounds"]] == [100.0, 5000.0, 300.0]
    assert content["errors"] == 3 * len(KINDS)


def a_load(per_second: float) -> Load:
    errors = 3 if per_second == 100.0 else 0
    return Load(per_second, 1.0, 2.0, 10, errors, web_cpu_ms=0.1, client_cpu_ms=0.01, web_cores=1.0)
