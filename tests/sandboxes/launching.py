"""Sandbox servers as real processes on free ports."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import urllib3

SCRIPTS = Path(__file__).parents[2] / "scripts"
START_SECONDS = 20


@dataclass
class Server:
    """A running sandbox server."""

    url: str
    process: subprocess.Popen[bytes]
    http: urllib3.PoolManager

    def ask(self, method: str, path: str, content: object = None) -> tuple[int, Any]:
        """Return the status and the JSON of an answer; raises `urllib3.exceptions.HTTPError` when there is none."""
        body = content if isinstance(content, bytes) else orjson.dumps(content)
        response = self.http.request(method, self.url + path, body=body, retries=False)
        return response.status, orjson.loads(response.data)

    def kill(self) -> None:
        """End the process as `kill -9` does."""
        self.process.kill()
        self.process.wait()


Launch = Callable[..., Server]


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def launcher() -> Iterator[Launch]:
    """Give a function that starts `python -m <module>` with options, and end what it started."""
    servers: list[Server] = []

    def start(module: str, *options: str, healthy_path: str = "/healthz") -> Server:
        port = free_port()
        command = [sys.executable, "-m", module, "--port", str(port), *options]
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(SCRIPTS)})
        server = Server(f"http://127.0.0.1:{port}", process, urllib3.PoolManager())
        servers.append(server)
        _wait_until_it_answers(server, healthy_path)
        return server

    try:
        yield start
    finally:
        for server in servers:
            server.kill()


def _wait_until_it_answers(server: Server, path: str) -> None:
    """Return once the server answers at all; fail when the process ends or the time is over."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            server.http.request("GET", server.url + path, retries=False)
        except urllib3.exceptions.HTTPError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"{server.process.args!r} does not answer; exit status {server.process.poll()}")
