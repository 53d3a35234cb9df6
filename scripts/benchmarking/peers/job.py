"""What a peer's process is given, and what it tells: files in a directory that the environment names."""

import json
import os
import time
from pathlib import Path

from benchmarking.workload import OneLineOrder

DIRECTORY, SHARE = "BENCH_DIRECTORY", "BENCH_SHARE"


def directory() -> Path:
    """Return the directory of the run."""
    return Path(os.environ[DIRECTORY])


def share() -> tuple[int, int]:
    """Return which of how many processes of its kind this one is, the first being 0."""
    place, _, count = os.environ[SHARE].partition("/")
    return int(place), int(count)


def orders() -> list[OneLineOrder]:
    """Return this process's share of the orders: every n-th."""
    place, count = share()
    found: list[OneLineOrder] = json.loads((directory() / "orders.json").read_text())
    return found[place::count]


def ready() -> None:
    """Tell that this process is set up."""
    (directory() / f"ready.{os.getpid()}").touch()


def begin() -> None:
    """Tell that this process is set up, wait for all others, and note the moment of its first order."""
    ready()
    while not (directory() / "go").exists():
        time.sleep(0.01)
    (directory() / f"begun.{os.getpid()}").write_text(repr(time.time()))


def how_many_ready(place: Path) -> int:
    """Count the processes of a run that are set up."""
    return len(list(place.glob("ready.*")))


def go(place: Path) -> None:
    """Let all processes of a run begin."""
    (place / "go").touch()


def begun(place: Path) -> float:
    """Return the moment (Unix time) in which the first process of a run began."""
    return min(float(text) for file in place.glob("begun.*") if (text := file.read_text()))
