"""`python -m front_door` as an operator meets it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import orjson
import pytest
import urllib3

Start = Callable[..., tuple[str, "subprocess.Popen[str]"]]


def run(*options: str, **environment: str | None) -> "subprocess.Popen[str]":
    """Start the process with a changed environment; None removes a variable."""
    changed = {**os.environ, **environment}
    return subprocess.Popen(
        [sys.executable, "-m", "front_door", *options],
        env={name: value for name, value in changed.items() if value is not None},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def free_port() -> str:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


@pytest.fixture
def start(door: Any, free_port: str) -> Iterator[Start]:
    """Start a process on a free port and wait until it is ready; everything started is ended after the test."""
    started = []

    def begin(*options: str) -> tuple[str, "subprocess.Popen[str]"]:
        process = run("--port", free_port, *options, RABBITMQ_URL=door.rabbitmq_url)
        started.append(process)
        url = f"http://127.0.0.1:{free_port}"
        assert process.stderr
        while "connected to RabbitMQ" not in (line := process.stderr.readline()):
            assert line, "the process ended before it was ready"
        return url, process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", ["RABBITMQ_URL", "REDIS_URL"])
def test_a_missing_url_is_told_in_one_sentence(name: str, redis_url: str) -> None:
    process = run(**{name: None})

    _, told = process.communicate(timeout=20)

    assert process.returncode == 2
    assert told.count("\n") == 1
    assert told.startswith(f"front_door: {name} is not set")


def test_a_port_that_is_taken_is_told_in_one_sentence(door: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = run("--port", port, RABBITMQ_URL=door.rabbitmq_url)
        _, told = process.communicate(timeout=20)

    assert process.returncode == 1
    assert f"front_door: cannot listen on 127.0.0.1:{port}" in told
    assert "Traceback" not in told


def test_a_request_under_way_is_finished_after_sigterm(start: Start, door: Any, owner: Any, views: Any) -> None:
    url, process = start()
    product, answers = uuid4(), []
    headers = {"Content-Type": "application/json", "Idempotency-Key": "key-1"}
    body = orjson.dumps(door.an_order((product, 1)))

    def order() -> None:
        answers.append(urllib3.request("POST", f"{url}/v1/orders", body=body, headers=headers, retries=False))

    request = threading.Thread(target=order)
    request.start()
    time.sleep(0.5)  # the order waits for the catalog, which nobody answers for yet
    process.send_signal(signal.SIGTERM)
    ended = time.monotonic()
    time.sleep(0.3)
    owner("catalog", views.catalog(product))
    request.join(timeout=10)

    assert process.wait(timeout=10) == 0
    assert time.monotonic() - ended < 10
    assert [answer.status for answer in answers] == [202]
    assert len(door.queued()) == 1


def test_several_processes_can_share_a_port(start: Start) -> None:
    url, first = start("--reuse-port")
    _, second = start("--reuse-port")

    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=10) == 0

    assert urllib3.request("GET", f"{url}/healthz").status == 200
    assert second.poll() is None
