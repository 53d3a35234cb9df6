"""Clocks that go wrong: some process types see a time of their own, which can be moved while they run (libfaketime)."""

import os
from collections.abc import Sequence
from pathlib import Path

from local_servers import apt, places

PACKAGE = "faketime"

#: The process types whose clocks are moved: one says what time it is, the others compare it with what is due.
#: Not all, since libfaketime adds system calls to every switch of threads, and the drill is to break a busy platform.
SKEWED = ("scheduler", "coordination", "inventory")

#: Seconds after which a process has seen that its clock was moved.
NOTICED_AFTER = 1

_SHARED_MEMORY = Path("/dev/shm")
_LIBRARY = "faketime/libfaketimeMT.so.1"

# libfaketime 0.9.10 rejects the sleeps until a moment of the monotonic clock by which CPython 3.11 sleeps: EINVAL.
_SLEEPING = '''\
"""Read by every Python of the drill: sleeps in a way that libfaketime lets through."""

import select
import time


def _sleep(seconds):
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select((), (), (), seconds)


time.sleep = _sleep
'''


def library() -> Path | None:
    """Return libfaketime, if it is installed."""
    found = [place for root in ("/usr/lib", "/usr/local/lib") for place in Path(root).glob(f"**/{_LIBRARY}")]
    return next(iter(sorted(found)), None)


def install() -> str | None:
    """Install libfaketime unless it is there; return why it could not be, None if it is."""
    if library() is None:
        try:
            apt.install((PACKAGE,), places.directory("apt") / "log", print)
        except apt.AptError as problem:
            return str(problem)
    return None if library() else f"the package {PACKAGE} holds no {_LIBRARY}"


class Clocks:
    """The clocks of process types, in seconds before (-) or after the machine's; the monotonic clock stays right."""

    def __init__(self, directory: Path, names: Sequence[str] = SKEWED) -> None:
        self._directory = directory
        self.names = tuple(names)
        (directory / "python").mkdir(parents=True, exist_ok=True)
        (directory / "python" / "sitecustomize.py").write_text(_SLEEPING)
        self.put_right()

    def environment(self, name: str) -> dict[str, str]:
        """Return what a process of this type must have in its environment, from its very start."""
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._directory / name),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": str(NOTICED_AFTER),
            "PYTHONPATH": os.pathsep.join(
                [str(self._directory / "python"), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
        }

    def move(self, name: str, seconds: int) -> None:
        """Set a process type's clock."""
        draft = self._directory / f"{name}.new"
        draft.write_text(f"{seconds:+d}\n")
        draft.replace(self._directory / name)

    def put_right(self) -> None:
        """Let all clocks show the machine's time."""
        for name in self.names:
            self.move(name, 0)

    @staticmethod
    def sweep() -> None:
        """Remove the shared memory that killed processes left behind: it would harm a later one with their id."""
        for left in (*_SHARED_MEMORY.glob("faketime_shm_*"), *_SHARED_MEMORY.glob("sem.faketime_sem_*")):
            if not Path("/proc", left.name.rpartition("_")[2]).exists():
                left.unlink(missing_ok=True)
