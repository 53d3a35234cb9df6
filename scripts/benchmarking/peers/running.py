"""One round of a peer: its databases made, its processes run until every order is completed, its rows checked."""

import fcntl
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg

from benchmarking import row_counts
from benchmarking.databases import CONTEXTS, PeerDatabases
from benchmarking.peers import job
from benchmarking.peers.checking import differences
from benchmarking.peers.peer import Peer
from benchmarking.row_counts import Rows
from benchmarking.workload import OneLineOrder
from demonstration.processes import ROOT, environment, stop_marked
from local_servers import places

#: Carried by every process of a run in its environment; its value is the run directory.
MARK = "FIRST_VISCOUNT_BENCH"

#: Seconds that the processes may take until they are set up, and that may pass without an order being completed.
SET_UP, STANDSTILL = 60.0, 60.0

#: Seconds between two looks.
PAUSE = 0.25

#: Seconds that a process may take to stop before it is killed.
STOPPING = 20.0

_COMPLETED = "SELECT count(*), extract(epoch FROM max(completed_at))::float8 FROM orders WHERE status = 'COMPLETED'"


class PeerFailedError(Exception):
    """Raised when a peer does not complete its orders; the text is a sentence that names its logs."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a round of a peer came to: orders a second, rows an order by table, and what is wrong with the rows."""

    rate: float
    rows: Rows
    violations: Sequence[str]


def run(peer: Peer, orders: Sequence[OneLineOrder], stopped: threading.Event | None = None) -> Round:
    """Have the peer complete all orders, once, unless `stopped` is set. Raises `PeerFailedError`, `psycopg.Error`."""
    databases = PeerDatabases(peer.name, peer.databases)
    urls = {context: databases.url(context) for context in CONTEXTS}
    parent = places.directory("bench")
    with ExitStack() as stack:
        _alone(stack.enter_context((parent / "peers.lock").open("w")), parent)
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{peer.name}-", dir=parent)))
        (directory / "orders.json").write_text(json.dumps(orders))
        peer.clean()
        stack.callback(databases.drop)
        stack.callback(peer.clean)
        databases.create()
        databases.stock(orders)
        before = row_counts.settled(urls)
        seconds = _run(peer, directory, databases, len(orders), stopped or threading.Event())
        rows = row_counts.per_order(before, row_counts.settled(urls), len(orders))
        return Round(len(orders) / seconds, rows, differences(peer.name, urls, orders))


def _alone(lock: IO[str], parent: Path) -> None:
    """Wait until no other run uses these servers; stop what a killed one left behind."""
    fcntl.flock(lock, fcntl.LOCK_EX)
    stop_marked(f"{MARK}={parent}")


def _run(peer: Peer, directory: Path, databases: PeerDatabases, orders: int, stopped: threading.Event) -> float:
    """Return the seconds from the first order's start to the last one's completion."""
    mark = {MARK: str(directory.parent)}
    with peer.server(directory, mark) as more:
        variables = {**databases.environment(), **more, **mark, job.DIRECTORY: str(directory)}
        with ExitStack() as stack:
            running = [
                stack.enter_context(_process(peer, directory, module, {**variables, job.SHARE: f"{place}/{len(kind)}"}))
                for kind in (peer.workers, peer.starters)
                for place, module in enumerate(kind)
            ]
            watch = _Watch(peer, running, stopped)
            watch.until_ready(directory, len(running))
            job.go(directory)
            return watch.until_completed(databases.url("orders"), orders) - job.begun(directory)


@contextmanager
def _process(
    peer: Peer, directory: Path, module: Sequence[str], variables: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a module; at the end stop it and wait."""
    more = {**variables, "PYTHONPATH": str(ROOT / "scripts"), "PYTHONUNBUFFERED": "1"}
    with log_of(peer).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=directory,
            env=environment(more),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOPPING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def log_of(peer: Peer) -> Path:
    """Return where the peer's processes write to."""
    return places.directory("bench") / f"{peer.name}.log"


class _Watch:
    """Waits for a peer's processes, and gives up when one fails or none gets on."""

    def __init__(self, peer: Peer, processes: Sequence["subprocess.Popen[bytes]"], stopped: threading.Event) -> None:
        self._peer = peer
        self._processes = processes
        self._stopped = stopped

    def until_ready(self, directory: Path, count: int) -> None:
        deadline = time.monotonic() + SET_UP
        while (ready := job.how_many_ready(directory)) < count:
            self._require_alive()
            if time.monotonic() > deadline:
                raise self._failure(f"{ready} of {count} processes were set up after {SET_UP:.0f} s")
            self._pause()

    def until_completed(self, url: str, orders: int) -> float:
        """Return the moment (Unix time) of the last completion."""
        found, moved_at = -1, time.monotonic()
        with psycopg.connect(url, autocommit=True) as connection:
            while True:
                count, last = connection.execute(_COMPLETED).fetchone() or (0, None)
                if count == orders:
                    return float(last)
                self._require_alive()
                if count != found:
                    found, moved_at = count, time.monotonic()
                elif time.monotonic() - moved_at > STANDSTILL:
                    raise self._failure(f"{count} of {orders} orders, and no more for {STANDSTILL:.0f} s")
                self._pause()

    def _pause(self) -> None:
        if self._stopped.wait(PAUSE):
            raise self._failure("it was stopped")

    def _require_alive(self) -> None:
        codes = [process.poll() for process in self._processes]
        if any(codes):
            raise self._failure(f"a process ended with exit code {next(code for code in codes if code)}")

    def _failure(self, what: str) -> PeerFailedError:
        return PeerFailedError(f"{self._peer.name}: {what}; its log is {log_of(self._peer)}")
