"""`scripts/demo` as a person at the terminal runs it: real processes, real servers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from demonstration.processes import MARK
from local_servers import places

ROOT = Path(__file__).resolve().parents[2]
DEMO = [sys.executable, str(ROOT / "scripts" / "demo")]

#: Seconds that a small demo may take on a machine that does other things too.
PATIENCE = 150.0


def started_by(demo: "subprocess.Popen[str]") -> set[tuple[int, str]]:
    """Return (id, start time) of every live process that the demo started: those in its mark's family."""
    mark = (places.run_directory() / "demo" / "processes.mark").read_text().strip()
    assert mark.startswith(f"{MARK}=")
    return {
        (pid, start) for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if (start := _carries(pid, mark))
    }


def _carries(pid: int, mark: str) -> str | None:
    try:
        marked = mark.encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    return start_of(pid) if marked else None


def start_of(pid: int) -> str | None:
    """Return when a live process was started; None for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


@pytest.fixture
def demo() -> Iterator["subprocess.Popen[str]"]:
    """A demo of many orders, told to stop at the latest when the test ends."""
    process = subprocess.Popen(
        [*DEMO, "--orders", "400"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    yield process
    if process.poll() is None:
        process.terminate()
    process.communicate(timeout=PATIENCE)


def test_a_ctrl_c_in_the_middle_leaves_no_process_behind(demo: "subprocess.Popen[str]") -> None:
    assert demo.stdout is not None
    assert any(line.startswith("elapsed") for line in demo.stdout)
    started = started_by(demo)

    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=PATIENCE)

    assert len(started) > 16  # a supervisor and its command for each line of the Procfile, and honcho
    assert demo.returncode == 130
    assert {(pid, start) for pid, start in started if start_of(pid) == start} == set()


def test_sixty_real_purchases_come_out_as_the_rule_says(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    began = time.time()

    ended = subprocess.run(
        [*DEMO, "--orders", "60", "--json", str(file)], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    result = json.loads(file.read_text())
    assert (result["accepted"], result["completed"], result["unfinished"]) == (60, 58, 0)
    assert result["undone"] == {"pay_refused": 1, "reserve_refused": 1}
    assert result["captured_cents"] == result["expected_cents"] > 0
    assert result["violations"] == []
    assert result["orders_per_second"] > 0
    assert 0 < result["setup_seconds"] < time.time() - began
    assert "JourneyCompleted" in ended.stdout
    assert "JourneyUndone" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--orders", "0"), "not a whole number above 0"),
        (("--orders", "69660"), "there are 69659 purchases"),
        (("--json", "no/such/directory/file"), "no directory"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_started(arguments: tuple[str, ...], said: str) -> None:
    ended = subprocess.run([*DEMO, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30)

    assert ended.returncode == 2
    assert said in ended.stderr
