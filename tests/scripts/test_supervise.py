"""`scripts/supervise`: what dies is started again, what is told to end ends, and nothing is left behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.persistence.virtual_host import eventually

SUPERVISE = str(Path(__file__).resolve().parents[2] / "scripts" / "supervise")

#: A child that writes its process id, then sleeps; told to end it exits with 7.
CHILD = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(60)
"""

#: Runs the supervisor so that the signal comes when the child is there and the supervisor does not have it yet.
SIGNALLED_MEANWHILE = """
import runpy, signal, subprocess, sys
made = subprocess.Popen
def make(*arguments, **options):
    child = made(*arguments, **options)
    signal.raise_signal(signal.SIGTERM)
    return child
subprocess.Popen = make
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@contextmanager
def supervised(pids: Path, *before: str) -> Iterator[subprocess.Popen[str]]:
    """A supervisor of `CHILD`, which writes to `pids`; both are gone in the end."""
    program = pids.with_name("child.py")
    program.write_text(CHILD)
    command = [sys.executable, *before, SUPERVISE, sys.executable, str(program), str(pids)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        try:
            yield supervisor
        finally:
            supervisor.kill()
            for child in children(pids):
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)


def children(pids: Path) -> list[int]:
    """The process ids that children wrote, the first one first."""
    return [int(line) for line in pids.read_text().splitlines()] if pids.exists() else []


def alive(pid: int) -> bool:
    """Tell whether a process runs: one that ended and was not waited for does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_what_is_killed_is_started_again(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with supervised(pids) as supervisor:
        eventually(lambda: len(children(pids)) == 1)
        os.kill(children(pids)[0], signal.SIGKILL)
        eventually(lambda: len(children(pids)) == 2)
        first, second = children(pids)

        assert (alive(first), alive(second)) == (False, True)
        assert supervisor.stdout is not None
        assert re.search(r"ended \(killed by SIGKILL\) after \d+ s, starting it again", supervisor.stdout.readline())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_end_is_passed_on_and_the_child_s_code_is_told(tmp_path: Path, number: signal.Signals) -> None:
    pids = tmp_path / "pids"
    with supervised(pids) as supervisor:
        eventually(lambda: len(children(pids)) == 1)
        supervisor.send_signal(number)

        assert supervisor.wait(20) == 7
        assert not alive(children(pids)[0])


def test_a_signal_that_comes_while_the_child_is_made_ends_it_too(tmp_path: Path) -> None:
    with supervised(tmp_path / "pids", "-c", SIGNALLED_MEANWHILE) as supervisor:
        assert supervisor.wait(20) in (0, 7)  # 0: before the child could say what it makes of the signal


def test_a_child_outlives_no_supervisor_that_is_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with supervised(pids) as supervisor:
        eventually(lambda: len(children(pids)) == 1)
        supervisor.kill()

        eventually(lambda: not alive(children(pids)[0]))


def test_a_command_that_is_set_up_wrongly_is_not_started_again() -> None:
    command = [sys.executable, SUPERVISE, "sh", "-c", "echo once; exit 2"]
    ended = subprocess.run(command, capture_output=True, timeout=20, check=False)

    assert (ended.returncode, ended.stdout) == (2, b"once\n")


def test_a_command_that_is_not_there_says_what_to_do() -> None:
    command = [sys.executable, SUPERVISE, "no-such-command"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)

    assert ended.returncode == 2
    assert ended.stderr.startswith("no-such-command is not there: activate .venv")
