"""The Procfile's processes, run by honcho, and the certainty that none of them outlives the demo.

Every process started here, and everything it starts itself, carries `MARK` in its environment: by that mark it is found
wherever it went, whoever its parent is now.
"""

import ctypes
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from local_servers import ports

ROOT = Path(__file__).resolve().parents[2]

MARK = "FIRST_VISCOUNT_DEMO"

#: Ports to listen on, below those that Linux gives to outgoing connections.
PORTS = range(28_000, 32_000)

#: Times that the process manager is started again when it ends by itself.
MOST_RESTARTS = 20

#: Seconds that the processes may take to stop, before they are killed. A worker finishes what it is at.
STOP_SECONDS = 30.0

_PR_SET_PDEATHSIG = 1


class ManagerEndedError(Exception):
    """Raised when the process manager ends again and again."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    for port in random.sample(PORTS, 50):
        if ports.is_free(port):
            return port
    raise OSError(f"no port of 127.0.0.1 between {PORTS.start} and {PORTS.stop} is free")


class Processes:
    """honcho with the Procfile's processes, in a session of its own, so that a Ctrl-C reaches the demo alone.

    With `only`, the processes of these types.
    """

    def __init__(self, run: str, directory: Path, *, keep: bool, only: Sequence[str] = ()) -> None:
        self.port = free_port()
        self.log = directory / "processes.log"
        self.restarts = 0
        self._mark = f"{MARK}={run}"
        self._keep = keep
        self._only = tuple(only)
        self._record = directory / "processes.mark"
        self._manager: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the front door listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the process manager; must be called from the main thread, whose end would end it too."""
        self._record.write_text(self._mark)
        with self.log.open("ab") as log:
            self._manager = self._popen(log)

    def look_after(self) -> bool:
        """Start the manager again if it ended, and tell whether that was so. Raises `ManagerEndedError`."""
        if self._manager is None or self._manager.poll() is None:
            return False
        if self.restarts >= MOST_RESTARTS:
            raise ManagerEndedError(f"the process manager ended {MOST_RESTARTS + 1} times; its log is {self.log}")
        self.restarts += 1
        stop_marked(self._mark)
        self.start()
        return True

    def stop(self) -> None:
        """Stop all processes and wait until none is left."""
        stop_marked(self._mark, first=self._manager)
        self._manager = None
        self._record.unlink(missing_ok=True)

    def kept(self) -> str:
        """Return how to stop what is left running."""
        return f"kill {self._manager.pid}" if self._manager else "nothing runs"

    def _popen(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        # `web` is the first line of the Procfile: it gets honcho's port as it is.
        command = [sys.executable, "-m", "honcho", "--no-colour", "-f", "Procfile", "start", "--port", str(self.port)]
        name, _, value = self._mark.partition("=")
        return subprocess.Popen(
            [*command, *self._only],
            cwd=ROOT,
            env=environment({name: value, "PYTHONUNBUFFERED": "1"}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=None if self._keep else _end_with_parent,
        )


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with more in it, without the port that it may name."""
    return {name: value for name, value in os.environ.items() if name != "PORT"} | dict(more)


def stop_earlier(directory: Path) -> bool:
    """Stop what an earlier demo left running with --keep; return whether there was anything."""
    record = directory / "processes.mark"
    mark = record.read_text().strip() if record.exists() else ""
    if not mark.startswith(f"{MARK}=") or not any(marked(mark)):
        return False
    stop_marked(mark)
    record.unlink(missing_ok=True)
    return True


def marked(mark: str) -> Iterator[int]:
    """Yield the ids of all live processes that carry the mark."""
    wanted = mark.encode()
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended just now, or is another user's
            if wanted in (place / "environ").read_bytes().split(b"\0"):
                yield int(place.name)


def stop_marked(mark: str, first: "subprocess.Popen[bytes] | None" = None) -> None:
    """Stop `first`, which is to stop the others itself, then whatever still carries the mark."""
    if first is not None and first.poll() is None:
        first.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    asked: set[int] = set()
    while left := _left(mark, first):
        late = time.monotonic() > deadline
        manager_gone = first is None or first.poll() is not None
        for pid in left:
            if late or (manager_gone and pid not in asked):
                asked.add(pid)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        time.sleep(0.1)


def _left(mark: str, first: "subprocess.Popen[bytes] | None") -> list[int]:
    if first is not None:
        first.poll()  # takes leave of it once it has ended
    return list(marked(mark))


def _end_with_parent() -> None:
    """Run in the child before it becomes honcho: when the demo is killed, the kernel tells it to stop."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
