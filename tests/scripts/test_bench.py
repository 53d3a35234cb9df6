"""The benchmark's figures, and the steps that its peers share: in real databases, made and dropped by each test."""

import argparse
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from benchmarking import options, workload
from benchmarking.command_line import MODULES
from benchmarking.comparison import OURS, Comparison
from benchmarking.databases import CONTEXTS, PeerDatabases
from benchmarking.peers import set_wise, steps
from benchmarking.peers.checking import differences
from benchmarking.peers.every import PEERS
from benchmarking.workload import OneLineOrder
from demonstration.cdnow import Purchase

ROOT = Path(__file__).resolve().parents[2]

Urls = Mapping[str, str]

EMPTIED = {
    "orders": "orders",
    "inventory": "warehouses, inventory, inventory_reservations, inventory_movements",
    "delivery": "shipments",
}

STEPS = (steps.place, steps.reserve, steps.pay, steps.ship, steps.complete)


@pytest.mark.parametrize("module", MODULES, ids=[module.__name__ for module in MODULES])
def test_every_command_can_be_asked_for_json_and_charts_and_to_keep_the_servers(module: options.Command) -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    module.add_to(commands)
    ((name, command),) = commands.choices.items()

    chosen = parser.parse_args([name, "--json", "figures.json", "--charts", "--keep"])

    assert (chosen.json, chosen.charts, chosen.keep) == (Path("figures.json"), True, True)
    assert chosen.measure is module.measure
    assert command.description


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sagas", "--json", "no/such/directory/file"), "in none that exists"),
        (("sagas", "--peers", "nobody"), "there is no peer 'nobody'"),
        (("latency", "--rate", "0"), "'0' is not a number above 0"),
        (("latency", "--rate", "nan"), "'nan' is not a number above 0"),
        (("flash-sale", "--orders", "1.5"), "not a whole number above 0"),
        ((), "the following arguments are required"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_started(arguments: tuple[str, ...], said: str) -> None:
    command = [sys.executable, "scripts/bench", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert ended.returncode == 2
    assert said in ended.stderr


def test_a_ratio_is_the_platforms_median_over_the_peers() -> None:
    found = Comparison(orders=10, rounds=3)
    for ours, theirs in ((900.0, 300.0), (1000.0, 250.0), (5000.0, 200.0)):
        found.add(OURS, 10, ours, {}, [])
        found.add("celery", 10, theirs, {}, [])

    assert found.ratios == {"celery": 4.0}


def test_a_violation_of_any_round_is_kept() -> None:
    found = Comparison(orders=10, rounds=2)
    found.add(OURS, 10, 1.0, {}, ["order 1: wrong"])
    found.add(OURS, 10, 1.0, {}, [])

    assert found.as_json({}, {})["violations"] == ["order 1: wrong"]


def test_the_json_has_one_ratio_a_peer_and_a_list_of_violations() -> None:
    found = Comparison(orders=20_000, rounds=2)
    for rate in (100.0, 200.0):
        for name, share in ((OURS, 1), *((name, place) for place, name in enumerate(PEERS, start=2))):
            found.add(name, 1000, rate / share, {}, [])

    told = found.as_json({}, {})

    assert told["ratios"] == {"celery": 2.0, "dbos": 3.0, "temporal": 4.0, "floor": 5.0}
    assert told["violations"] == []


def test_a_peer_that_takes_fewer_orders_is_told() -> None:
    found = Comparison(orders=20_000, rounds=1)
    found.add(OURS, 20_000, 1.0, {}, [])
    found.add("temporal", 1_000, 1.0, {}, [])

    assert found.as_json({}, {})["orders_taken"] == {OURS: 20_000, "temporal": 1_000}
    assert found.orders_told == "20,000 orders (temporal 1,000)"


def test_the_steps_of_the_peers_write_every_row(urls: Urls, orders: list[OneLineOrder]) -> None:
    in_a_thread(lambda: [step(order) for order in orders for step in STEPS])

    assert differences("steps", urls, orders) == []


def test_the_set_wise_steps_write_the_same_rows(urls: Urls, orders: list[OneLineOrder]) -> None:
    in_a_thread(lambda: set_wise.complete(orders))

    assert differences("set-wise", urls, orders) == []


def test_a_step_that_is_repeated_has_one_effect(urls: Urls, orders: list[OneLineOrder]) -> None:
    in_a_thread(lambda: [step(order) for order in orders for step in STEPS for _ in range(2)])

    assert differences("steps", urls, orders) == []


def test_a_missing_row_is_told(urls: Urls, orders: list[OneLineOrder]) -> None:
    in_a_thread(lambda: set_wise.complete(orders))
    with psycopg.connect(urls["delivery"]) as connection:
        connection.execute("DELETE FROM tracking_events WHERE shipment_id = %s", (orders[0]["shipment_id"],))

    (sentence,) = differences("set-wise", urls, orders)

    assert "tracking_events" in sentence
    assert f"gives {len(orders) - 1}, not {len(orders)}" in sentence


@pytest.mark.parametrize("sell", [lambda orders: steps.reserve(orders[-1]), set_wise.complete], ids=["one", "all"])
def test_no_peer_sells_more_than_there_is(
    urls: Urls, orders: list[OneLineOrder], sell: Callable[[list[OneLineOrder]], None]
) -> None:
    orders[-1]["quantity"] += 1

    with pytest.raises(steps.OutOfStock):
        in_a_thread(lambda: sell(orders))

    with psycopg.connect(urls["inventory"]) as connection:
        assert connection.execute("SELECT count(*) FROM inventory_reservations").fetchone() == (0,)
        assert connection.execute("SELECT sum(quantity_reserved)::int FROM inventory").fetchone() == (0,)


@pytest.fixture
def orders() -> list[OneLineOrder]:
    """Four orders, two of them for the same product."""
    sold = ((1, 1177), (3, 1177), (2, 1397), (5, 1496))
    bought = [Purchase(7, date(1997, 1, 1), units, units * cents) for units, cents in sold]
    return workload.orders(bought, uuid4())


@pytest.fixture(scope="module")
def databases() -> Iterator[PeerDatabases]:
    """Databases of the peers' kind."""
    made = PeerDatabases(f"test_{uuid4().hex[:8]}")
    made.create()
    yield made
    made.drop()


@pytest.fixture
def urls(databases: PeerDatabases, orders: list[OneLineOrder], monkeypatch: pytest.MonkeyPatch) -> Urls:
    """The databases with the stock that the orders need and nothing else, where the steps find them."""
    for context, tables in EMPTIED.items():
        with psycopg.connect(databases.url(context)) as connection:
            connection.execute(f"TRUNCATE {tables} CASCADE".encode())
    databases.stock(orders)
    for name, url in databases.environment().items():
        monkeypatch.setenv(name, url)
    return {context: databases.url(context) for context in CONTEXTS}


def in_a_thread(work: Callable[[], object]) -> None:
    """Run in a thread that ends: connections are a thread's own. Raises what the work raises."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - raised below, where the test waits
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
