"""Crash points kill by SIGKILL, once for each file, and only where a directory is named."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from actors.runtime.crash_points import CrashPoint

ROOT = Path(__file__).parents[3]
ACTOR = "inventory.reserve_stock"

#: Passes the points that it is told of on its standard input, a line `POINT ACTOR` each; then says that it lives.
PASSER = """
import sys
from actors.runtime.crash_points import CrashPoint, reached
print("ready", flush=True)
for line in sys.stdin:
    point, actor = line.split()
    reached(CrashPoint(point), actor)
print("alive", flush=True)
"""


def passer(directory: Path | None, cwd: Path = ROOT) -> subprocess.Popen[str]:
    """A process that is about to pass crash points."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("FIRST_VISCOUNT_CRASH_POINTS", None)
    if directory:
        environment["FIRST_VISCOUNT_CRASH_POINTS"] = str(directory)
    process = subprocess.Popen(
        [sys.executable, "-c", PASSER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=environment,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def passes(process: subprocess.Popen[str], *points: tuple[CrashPoint, str]) -> int:
    """Let a process pass points; return its exit code, which is the negative signal if it was killed."""
    output, _ = process.communicate("".join(f"{point} {actor}\n" for point, actor in points), timeout=20)
    assert (output == "alive\n") is (process.returncode == 0)
    return process.returncode


@pytest.mark.parametrize("whose", [ACTOR, "any"])
def test_who_reaches_a_point_where_a_death_waits_is_killed_and_the_next_one_passes(tmp_path: Path, whose: str) -> None:
    (tmp_path / f"before_commit@{whose}").touch()
    first, second = passer(tmp_path), passer(tmp_path)

    assert passes(first, (CrashPoint.BEFORE_COMMIT, ACTOR)) == -signal.SIGKILL
    assert passes(second, (CrashPoint.BEFORE_COMMIT, ACTOR)) == 0
    assert [one.name for one in tmp_path.iterdir()] == [f"died-before_commit@{whose}"]


def test_a_death_waits_for_its_own_point_and_actor(tmp_path: Path) -> None:
    waiting = tmp_path / f"before_commit@{ACTOR}"
    waiting.touch()
    others = [(point, ACTOR) for point in CrashPoint if point is not CrashPoint.BEFORE_COMMIT]

    assert passes(passer(tmp_path), *others, (CrashPoint.BEFORE_COMMIT, "inventory.release_stock")) == 0
    assert waiting.exists()


@pytest.mark.parametrize("point", CrashPoint)
def test_every_point_can_kill(tmp_path: Path, point: CrashPoint) -> None:
    (tmp_path / f"{point}@{ACTOR}").touch()

    assert passes(passer(tmp_path), (point, ACTOR)) == -signal.SIGKILL


def test_of_many_who_reach_a_point_together_one_dies(tmp_path: Path) -> None:
    (tmp_path / f"received@{ACTOR}").touch()
    together = [passer(tmp_path) for _ in range(4)]
    for process in together:
        assert process.stdin is not None
        process.stdin.write(f"received {ACTOR}\n")
        process.stdin.flush()

    assert sorted(passes(process) for process in together) == [-signal.SIGKILL, 0, 0, 0]


def test_without_a_directory_nobody_dies(tmp_path: Path) -> None:
    (tmp_path / f"received@{ACTOR}").touch()

    assert passes(passer(None, cwd=tmp_path), (CrashPoint.RECEIVED, ACTOR)) == 0
