"""`scripts/drill` as a person at the terminal runs it, short, on servers of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import local_servers
from demonstration.processes import MARK, marked

ROOT = Path(__file__).resolve().parents[2]
DRILL = [sys.executable, str(ROOT / "scripts" / "drill")]
RUN_DIRECTORY, PORT_BASE = ROOT / ".run" / "test-drill", "24700"

#: Seconds that a short drill may take on a machine that does other things too.
PATIENCE = 400.0

LIGHT = (
    "kill_worker,crash_point,freeze_worker,kill_front_door,rabbitmq_connections_closed,"
    "postgresql_backends_terminated,redis_flush,gateway_timeout_after_work,messages_duplicated,messages_reordered"
)
HEAVY = "rabbitmq_restart,postgresql_restart"


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """An environment in which the drill has servers of its own: those of the tests are not to be broken."""
    own = {"FIRST_VISCOUNT_RUN_DIR": str(RUN_DIRECTORY), "FIRST_VISCOUNT_PORT_BASE": PORT_BASE}
    theirs = local_servers.environment()
    return {name: value for name, value in os.environ.items() if name not in theirs} | own


@pytest.fixture
def drill(environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A drill without an end, told to stop at the latest when the test ends."""
    process = subprocess.Popen(
        [*DRILL, "--minutes", "10", "--orders-per-second", "5", "--kinds", "redis_flush"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.terminate()
    process.communicate(timeout=PATIENCE)


def test_nothing_is_lost_in_a_short_drill(tmp_path: Path, environment: dict[str, str]) -> None:
    file = tmp_path / "drill.json"
    asked = ["--faults", "12", "--seed", "7", "--orders-per-second", "8", "--kinds", f"{LIGHT},{HEAVY}"]

    ended = subprocess.run(
        [*DRILL, *asked, "--json", str(file)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    result = json.loads(file.read_text())
    assert (result["violations"], result["unfinished"]) == ([], 0)
    assert sum(result["faults"].values()) == 12
    assert {"rabbitmq_restart", "postgresql_restart"} <= result["faults"].keys()
    assert result["completed"] > 0
    assert result["completed"] + sum(result["undone"].values()) == result["orders"]
    assert result["recovery_seconds"].keys() == result["faults"].keys()
    assert result["new_order_seconds"].keys() == result["faults"].keys()
    assert result["outage_seconds"].keys() == {"rabbitmq_restart", "postgresql_restart"}
    assert result["left_over"]["dead_letters"] == 0
    assert "PASSED" in ended.stdout


def test_a_ctrl_c_in_the_middle_leaves_nothing_running(drill: "subprocess.Popen[str]") -> None:
    assert drill.stdout is not None
    assert any(" faults " in line and " faults 0/" not in line for line in drill.stdout)
    mark = (RUN_DIRECTORY / "drilling" / "processes.mark").read_text()
    started = set(marked(mark))

    drill.send_signal(signal.SIGINT)
    drill.communicate(timeout=PATIENCE)

    assert mark.startswith(f"{MARK}=")
    assert len(started) > 16  # a supervisor and its command for each line of the Procfile
    assert drill.returncode == 130
    assert set(marked(mark)) == set()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--faults", "0"), "at least 1"),
        (("--minutes", "never"), "not a number above 0"),
        (("--kinds", "kill_worker,bad_weather"), "there is no bad_weather"),
        (("--json", "no/such/directory/file"), "no directory"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_started(
    arguments: tuple[str, ...], said: str, environment: dict[str, str]
) -> None:
    ended = subprocess.run([*DRILL, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30)

    assert ended.returncode == 2
    assert said in ended.stderr
