"""Ending and starting the private servers that the platform stands on."""

import os
import signal
import subprocess
import time
from contextlib import redirect_stderr
from pathlib import Path

from local_servers import fleet, going_up, places, processes, rabbitmq
from local_servers.errors import ServerError
from local_servers.server import Server

#: Seconds in which a server must have ended.
PATIENCE = 60.0


def end(name: str, how: signal.Signals) -> None:
    """End a server by a signal and wait until it has; raises `ServerError`."""
    record = _server(name).running()
    if record is None:
        raise ServerError(f"{name}: does not run")
    (os.killpg if how is signal.SIGKILL else os.kill)(record.pid, how)
    deadline = time.monotonic() + PATIENCE
    while record.is_alive():
        if time.monotonic() > deadline:
            raise ServerError(f"{name}: has not ended {PATIENCE:.0f} s after {how.name}")
        time.sleep(0.02)


def begin(name: str) -> None:
    """Start a server and wait until it answers; raises `ServerError`."""
    deadline = time.monotonic() + PATIENCE
    with Path(places.run_directory() / "outages.log").open("a") as log, redirect_stderr(log):
        while failures := going_up.up((_server(name),)):
            # After a kill its port may be held for a moment by what it leaves behind.
            if time.monotonic() > deadline:
                raise failures[0]
            time.sleep(0.2)


def close_rabbitmq_connections() -> None:
    """Have RabbitMQ close every client's connection; raises `ServerError`."""
    server = _server("rabbitmq")
    tool = rabbitmq.PROGRAM.with_name("rabbitmqctl")
    ended = subprocess.run(
        [tool, "close_all_connections", "--global", "drill"],
        env=processes.clean_environment(server.prepare().environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        start_new_session=True,
    )
    if ended.returncode:
        raise ServerError(f"rabbitmq: rabbitmqctl failed: {ended.stderr.strip()[-300:]}")


def _server(name: str) -> Server:
    return next(server for server in fleet.everything() if server.name == name)
