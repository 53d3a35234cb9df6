"""The profile's arithmetic, on this test's own process, on real servers, and on folded stacks."""

import asyncio
import os
import re
import subprocess
import sys
from uuid import uuid4
from xml.etree import ElementTree

import pytest

from benchmarking import flame_graph, order_cost, process_figures
from benchmarking.order_cost import OTHERS, Meter
from benchmarking.stack_samples import Function, folded, functions
from demonstration.processes import MARK
from tests.persistence.virtual_host import eventually

STACKS = folded("orders", ["run (a.py:1);work (a.py:9) 3", "run (a.py:1) 1"]) + folded("web", ["serve (b.py:2) 4"])


def test_a_process_of_the_run_is_found_by_its_mark() -> None:
    run_id = uuid4()
    sleeper = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], env={**os.environ, MARK: str(run_id)}
    )
    try:
        eventually(lambda: process_figures.of_procfile(run_id) == {sleeper.pid: process_figures.SUPERVISORS})
    finally:
        sleeper.kill()
        sleeper.wait()


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python -m actors payments --threads 3", "payments"),
        ("python -m actors.scheduler", "scheduler"),
        ("python -m front_door --port 1", "web"),
        ("python scripts/supervise python -m actors payments", process_figures.SUPERVISORS),
    ],
)
def test_a_supervisor_is_told_from_what_it_runs(command: str, name: str) -> None:
    assert process_figures.process_type(command.split()) == name


def test_processor_time_is_that_of_the_process_and_of_children_that_ended() -> None:
    this = {os.getpid(): "this"}
    before = process_figures.cpu_seconds(this)["this"]

    subprocess.run([sys.executable, "-c", "sum(range(20_000_000))"], check=True)

    assert process_figures.cpu_seconds(this)["this"] - before > 0.1


def test_memory_is_told_in_megabytes() -> None:
    ballast = b"x" * 50_000_000

    assert 50 < process_figures.memory_mb({os.getpid(): "this"})["this"] < 5_000
    assert len(ballast) == 50_000_000


def test_the_write_ahead_log_grows_by_what_is_written_and_everything_has_its_share() -> None:
    meter = Meter(uuid4())
    before = meter.read()
    sum(range(5_000_000))

    after = meter.read()

    assert after.wal_bytes >= before.wal_bytes > 0
    spent = order_cost.cpu_ms(before, after, orders=1)
    assert spent[order_cost.CLIENT] > 0
    assert OTHERS in spent


def test_a_platform_without_processes_is_at_rest() -> None:
    meter = Meter(uuid4())

    async def rest() -> None:
        await meter.begun()
        await meter.at_rest()

    asyncio.run(rest())

    assert meter.idle_cores == 0.0


def test_rows_are_counted_since_the_first_look_and_per_order() -> None:
    before = {"orders.orders": {"inserted": 10, "updated": 5}, "orders.inbox": {"inserted": 7, "updated": 0}}
    after = {"orders.orders": {"inserted": 30, "updated": 25}, "orders.inbox": {"inserted": 7, "updated": 0}}

    assert order_cost.rows_per_order(before, after, 20) == {"orders.orders": {"inserted": 1.0, "updated": 1.0}}


def test_bytes_of_a_new_connection_count_in_full() -> None:
    assert order_cost.amqp_difference({"old": 100}, {"old": 150, "new": 30}) == 80


def test_every_table_that_an_order_writes_is_counted() -> None:
    counted = order_cost.rows_written()

    assert {"orders.orders", "inventory.inbox", "coordination.sagas", "notifications"} <= counted.keys()


def test_a_function_has_its_own_samples_and_those_below_it() -> None:
    assert functions(STACKS) == [
        Function("serve (b.py)", 0.5, 0.5),
        Function("work (a.py)", 0.375, 0.375),
        Function("run (a.py)", 0.125, 0.5),
    ]


def test_recursion_counts_once() -> None:
    (function,) = functions(folded("orders", ["f (a.py:1);f (a.py:1);f (a.py:1) 2"]))

    assert function == Function("f (a.py)", 1.0, 1.0)


def test_a_frame_of_the_flame_graph_is_as_wide_as_its_share() -> None:
    image = ElementTree.fromstring(flame_graph.drawn(STACKS, "a <title>"))

    widths = {
        _told(group): float(group.find("{*}rect").get("width"))  # type: ignore[union-attr, arg-type]
        for group in image.findall("{*}g")
    }

    assert widths["all"] == flame_graph.WIDTH
    assert widths["orders"] == widths["web"] == flame_graph.WIDTH / 2
    assert widths["work (a.py)"] == flame_graph.WIDTH * 3 / 8


def _told(group: ElementTree.Element) -> str:
    title = group.find("{*}title")
    assert title is not None
    return re.sub(r": \d+ samples.*", "", title.text or "")
