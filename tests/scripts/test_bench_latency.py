"""The latency benchmark: its load is open loop, its moments are the stores' own, its percentiles are what they say."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiohttp import web

from benchmarking import latency_load, latency_times, workload
from benchmarking.latency_figures import Latencies, NothingMeasuredError, percentile
from benchmarking.latency_load import Offered, Sending
from benchmarking.latency_times import History
from benchmarking.platform import PlatformFailedError
from contexts.messages import JourneyEvent
from demonstration.cdnow import Purchase
from demonstration.databases import looking_into
from demonstration.outcomes import PlannedOrder
from persistence.coordination import JourneyTables
from persistence.databases import url_variable
from persistence.postgres_store import PostgresStore
from tests.contexts.coordination.answers import an_answer_to
from tests.contexts.coordination.test_place_order import STRAIGHT
from tests.contexts.examples import an_order
from tests.persistence.own_schemas import own_schema
from tests.persistence.transactions import loaded

ROOT = Path(__file__).resolve().parents[2]

#: Seconds that a small measurement may take on a machine that does other things too.
PATIENCE = 240.0

Answer = Callable[[web.Request], Awaitable[web.Response]]

_ORDER = """
    INSERT INTO orders (id, order_number, customer_id, total_amount, currency, shipping_address, billing_address,
                        created_at)
    VALUES (%s, %s, %s, 1, 'USD', '{}', '{}', %s)
"""


@pytest.mark.parametrize(("thousandths", "expected"), [(500, 500), (900, 900), (990, 990), (999, 999), (1000, 1000)])
def test_a_percentile_of_a_thousand_orders_is_exceeded_by_the_rest_of_them(thousandths: int, expected: int) -> None:
    assert percentile(range(1, 1001), thousandths) == expected


def test_the_last_percentiles_of_few_orders_are_the_longest_of_all() -> None:
    assert [percentile([1.0, 2.0, 3.0], share) for share in (500, 990, 999, 1000)] == [2.0, 3.0, 3.0, 3.0]


def test_there_is_no_latency_without_an_order() -> None:
    with pytest.raises(NothingMeasuredError):
        Latencies.of(10.0, [], [])


def test_a_hop_is_told_over_the_orders_that_went_that_way() -> None:
    straight = History(0.3, 0.0, [("appointed", 1.0), ("placed", 1.1), ("JourneyBegun", 1.3)])
    slow = History(0.9, 0.0, [("appointed", 1.0), ("placed", 1.2), ("StepOverdue", 1.9)])

    hops = {hop["hop"]: hop for hop in Latencies.of(10.0, [straight, slow], []).as_json()["hops"]}

    assert list(hops) == ["appointed -> placed", "placed -> JourneyBegun", "placed -> StepOverdue"]
    assert hops["appointed -> placed"] == {"hop": "appointed -> placed", "p50_ms": 100, "p99_ms": 200, "orders": 2}
    assert (hops["placed -> StepOverdue"]["p50_ms"], hops["placed -> StepOverdue"]["orders"]) == (700, 1)


def test_orders_leave_in_time_though_none_before_them_was_answered() -> None:
    arrived: list[float] = []

    async def slow(_: web.Request) -> web.Response:
        arrived.append(time.monotonic())
        await asyncio.sleep(2.0)
        return accepted()

    offered = offer(slow, count=20, rate=50)

    assert arrived[-1] < arrived[0] + 2.0
    assert [after.appointed - before.appointed for before, after in pairwise(offered.sendings)] == [
        pytest.approx(0.02, abs=1e-4)
    ] * 19
    assert all(one.accepted - one.appointed >= 2.0 for one in offered.sendings)


def test_an_order_that_leaves_late_counts_from_its_appointed_time() -> None:
    held: list[bool] = []

    async def holding_everybody_up(_: web.Request) -> web.Response:
        if not held:
            held.append(True)
            time.sleep(0.5)  # nobody in this thread gets on, the load neither
        return accepted()

    offered = offer(holding_everybody_up, count=50, rate=50)

    assert offered.sendings[-1].appointed - offered.sendings[0].appointed == pytest.approx(0.98, abs=1e-3)
    assert max(one.sent - one.appointed for one in offered.sendings) > 0.3


def test_an_order_that_is_not_accepted_ends_the_measurement() -> None:
    async def away(_: web.Request) -> web.Response:
        return web.Response(status=503, text="not now")

    with pytest.raises(PlatformFailedError, match=r"3 orders were not accepted: .* 503 .*not now"):
        offer(away, count=3, rate=50)


def test_the_moments_of_an_order_are_those_that_the_stores_have(stores: PostgresStore) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    order_id = journey(stores, began, *STRAIGHT)

    (history,) = latency_times.histories([sending(order_id, began)])

    assert history.latency == pytest.approx(0.05 + 0.1 * len(STRAIGHT))
    assert history.late == about(0.001)
    assert list(history.hops()) == [
        ("appointed -> accepted (202)", about(0.02)),
        ("accepted (202) -> placed", about(0.01)),
        ("placed -> JourneyBegun", about(0.02)),
        ("JourneyBegun -> StepDone reserve", about(0.1)),
        ("StepDone reserve -> StepDone pay", about(0.1)),
        ("StepDone pay -> StepDone ship", about(0.1)),
        ("StepDone ship -> StepDone settle", about(0.1)),
        ("StepDone settle -> JourneyCompleted", 0.0),
    ]


def test_an_order_that_is_not_completed_has_no_latency(stores: PostgresStore) -> None:
    began = datetime.now(UTC)
    unfinished = journey(stores, began, *STRAIGHT[:-1])

    assert latency_times.histories([sending(unfinished, began)]) == []


def test_one_rate_is_measured_through_the_real_processes(tmp_path: Path) -> None:
    file = tmp_path / "latency.json"

    ended = subprocess.run(
        [sys.executable, "scripts/bench", "latency", "--rate", "8", "--seconds", "2", "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(file.read_text())
    assert (found["orders"], found["violations"], found["rates"][0]["orders"]) == (16, [], 16)
    assert 0 < found["p50_ms"] <= found["p90_ms"] <= found["p99_ms"] <= found["p999_ms"] == found["max_ms"]
    assert [hop["hop"] for hop in found["hops"]][-1] == "StepDone settle -> JourneyCompleted"
    assert sum(hop["p50_ms"] for hop in found["hops"]) < 2 * found["max_ms"]
    assert "StepDone reserve -> StepDone pay" in ended.stdout


@pytest.fixture(scope="module")
def stores() -> Iterator[PostgresStore]:
    """Orders and coordination in schemas of their own; coordination's store."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for context in ("orders", "coordination"):
            patch.setenv(url_variable(context), stack.enter_context(own_schema(context)))
        store = PostgresStore("coordination")
        stack.callback(store.close)
        yield store


def journey(store: PostgresStore, began: datetime, *answers: type[JourneyEvent]) -> UUID:
    """An order placed 30 ms after a moment, begun 20 ms later, with an answer every 100 ms after that."""
    order = an_order(order_id=uuid4())
    with looking_into("orders", writing=True) as connection:
        values = (order.order_id, order.order_id.hex, uuid4(), began + timedelta(milliseconds=30))
        connection.execute(_ORDER, values)
    events: list[JourneyEvent] = [order, *(an_answer_to(kind, order.order_id) for kind in answers)]
    for place, event in enumerate(events):
        with loaded(store, JourneyTables, event) as journeys:
            list(journeys.receive(event, began + timedelta(milliseconds=50 + 100 * place)))
    return order.order_id


def about(seconds: float) -> object:
    """So many seconds, but for what a number loses that counts them since 1970."""
    return pytest.approx(seconds, abs=1e-5)


def sending(order_id: UUID, began: datetime) -> Sending:
    """Sent a millisecond late, accepted 20 ms after its appointed time."""
    moment = began.timestamp()
    return Sending(order_id, moment, moment + 0.001, moment + 0.02)


def accepted() -> web.Response:
    """What the front door says."""
    return web.json_response({"order_id": str(uuid4())}, status=202)


def offer(answer: Answer, count: int, rate: float) -> Offered:
    """Offer orders to a front door that answers like this."""

    async def run() -> Offered:
        app = web.Application()
        app.router.add_post("/v1/orders", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            return await latency_load.offer(f"http://127.0.0.1:{port}", planned(count), rate)
        finally:
            await runner.cleanup()

    return asyncio.run(run())


def planned(count: int) -> list[PlannedOrder]:
    """So many orders for one compact disc."""
    return workload.planned([Purchase(number, date(1997, 1, 1), 1, 1177) for number in range(count)])
