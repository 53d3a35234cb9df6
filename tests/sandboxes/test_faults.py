"""Faults that are switched while a server runs."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import urllib3

from .launching import Launch, Server


@pytest.fixture
def carrier(launch: Launch, tmp_path: Path) -> Server:
    return launch("sandboxes.carrier", "--journal", str(tmp_path / "shipments.jsonl"))


def switch(server: Server, **settings: float) -> None:
    assert server.ask("PUT", "/faults", settings)[0] == 200


def cancel(server: Server, reference: str) -> int | None:
    """Return the status of a cancellation, None when the connection was closed without an answer."""
    try:
        return server.ask("POST", "/v1/cancellations", [reference])[0]
    except urllib3.exceptions.ProtocolError:
        return None


def known(server: Server) -> int:
    assert server.ask("DELETE", "/faults")[0] == 200
    return int(server.ask("GET", "/v1/totals")[1]["references"])


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def test_an_error_answers_503_and_does_nothing(carrier: Server) -> None:
    switch(carrier, error_rate=1)

    assert cancel(carrier, "s1") == 503
    assert known(carrier) == 0


def test_a_connection_dropped_before_the_work_leaves_nothing_done(carrier: Server) -> None:
    switch(carrier, drop_before_rate=1)

    assert cancel(carrier, "s1") is None
    assert known(carrier) == 0


def test_a_connection_dropped_after_the_work_leaves_it_done(carrier: Server) -> None:
    switch(carrier, drop_after_rate=1)

    assert cancel(carrier, "s1") is None
    assert known(carrier) == 1


def test_a_late_answer_comes_after_the_work(carrier: Server) -> None:
    switch(carrier, timeout_rate=1, timeout_seconds=0.3)

    assert timed(lambda: cancel(carrier, "s1")) >= 0.3
    assert known(carrier) == 1


def test_latency_holds_every_request_up(carrier: Server) -> None:
    switch(carrier, latency_ms=200, jitter_ms=50)

    assert timed(lambda: cancel(carrier, "s1")) >= 0.2


def test_the_same_seed_throws_the_same_dice(carrier: Server) -> None:
    runs = []
    for seed in (7, 7, 8):
        switch(carrier, error_rate=0.5, seed=seed)
        runs.append([cancel(carrier, "s1") for _ in range(40)])

    assert runs[0] == runs[1] != runs[2]
    assert {200, 503} == set(runs[0])


def test_it_tells_how_many_requests_met_which_fault(carrier: Server) -> None:
    switch(carrier, error_rate=1)
    for _ in range(3):
        cancel(carrier, "s1")

    assert carrier.ask("GET", "/faults")[1]["struck"] == {"error": 3}
    assert carrier.ask("DELETE", "/faults")[1]["struck"] == {"error": 3}
    assert carrier.ask("GET", "/faults")[1]["struck"] == {}


@pytest.mark.parametrize(
    ("settings", "struck"),
    [
        ({"drop_before_rate": 1}, {"drop_before": 1}),
        ({"drop_after_rate": 1}, {"drop_after": 1}),
        ({"timeout_rate": 1, "timeout_seconds": 0.01}, {"timeout": 1}),
        ({"latency_ms": 1}, {"latency": 1}),
    ],
)
def test_each_fault_is_told_by_its_name(carrier: Server, settings: dict[str, float], struck: dict[str, int]) -> None:
    switch(carrier, **settings)
    cancel(carrier, "s1")

    assert carrier.ask("DELETE", "/faults")[1]["struck"] == struck


def test_faults_that_nobody_met_struck_nobody(carrier: Server) -> None:
    switch(carrier, error_rate=1, drop_before_rate=1)
    assert carrier.ask("GET", "/healthz")[0] == 200

    assert carrier.ask("DELETE", "/faults")[1]["struck"] == {}


def test_faults_can_be_read_and_never_harm_what_ends_them(carrier: Server) -> None:
    switch(carrier, drop_before_rate=1, error_rate=1)

    assert carrier.ask("GET", "/faults")[1]["drop_before_rate"] == 1
    assert carrier.ask("GET", "/healthz")[0] == 200
    assert carrier.ask("DELETE", "/faults")[1]["drop_before_rate"] == 0
    assert cancel(carrier, "s1") == 200


@pytest.mark.parametrize("settings", [{"error_rate": 1.5}, {"latency_ms": -1}, {"no_such_fault": 1}, b"{"])
def test_settings_that_make_no_sense_are_refused(carrier: Server, settings: object) -> None:
    status, answer = carrier.ask("PUT", "/faults", settings)

    assert status == 400
    assert answer["error"]
    assert carrier.ask("GET", "/faults")[1]["error_rate"] == 0


def test_a_faulty_line_harms_a_server_that_has_no_faults(launch: Launch, carrier: Server) -> None:
    line = launch("sandboxes.fault_proxy", "--upstream", carrier.url)

    assert cancel(line, "s1") == 200
    switch(line, drop_after_rate=1)
    assert cancel(line, "s2") is None
    assert known(carrier) == 2


def test_a_faulty_line_says_when_the_server_behind_is_down(launch: Launch, carrier: Server) -> None:
    line = launch("sandboxes.fault_proxy", "--upstream", carrier.url)
    carrier.kill()

    assert cancel(line, "s1") == 502
