"""Detached processes, each recorded so that a later command finds it again and never mistakes another for it."""

import contextlib
import json
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Command:
    """How to start a server: its arguments, what it gets in its environment, and the user it runs as."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    user: str | None = None


@dataclass(frozen=True)
class Record:
    """A started process. `birth` tells it from a later process with the same id; `since` is UTC, ISO 8601."""

    pid: int
    birth: str
    since: str
    port: int

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return birth(self.pid) == self.birth


def birth(pid: int) -> str | None:
    """When the process started, in a form that only serves to be compared; None if it does not run."""
    if not Path("/proc/self/stat").exists():
        shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
        return shown.stdout.strip() or None
    try:
        # The second field, the program's name in brackets, may itself hold blanks and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def running(directory: Path) -> Record | None:
    """The process recorded in a server's directory, if it still runs."""
    try:
        record = Record(**json.loads((directory / "process.json").read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return record if record.is_alive() else None


def start(directory: Path, port: int, command: Command) -> subprocess.Popen[bytes]:
    """Start the command in a session of its own, with its output in the directory's log, and record it there."""
    with (directory / "log").open("ab") as log:
        process = subprocess.Popen(
            command.arguments,
            env=clean_environment(command.environment),
            cwd=command.directory or directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=command.user,
            group=pwd.getpwnam(command.user).pw_gid if command.user else None,
            extra_groups=[] if command.user else None,
        )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record = Record(process.pid, birth(process.pid) or "", now, port)
    draft = directory / "process.json.new"
    draft.write_text(json.dumps(asdict(record)))
    draft.replace(directory / "process.json")
    return process


def clean_environment(additions: Mapping[str, str]) -> dict[str, str]:
    """What a server sees: none of the caller's settings, which may belong to another server of the same kind."""
    return {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", "HOME": "/", **additions}


def stop(record: Record, how: signal.Signals, patience: float, notice: Callable[[str], None]) -> None:
    """End the process: first by its own signal, after `patience` seconds by SIGKILL."""
    _signal(record, how)
    if not _ends_within(record, patience):
        notice(f"does not stop within {patience:.0f} s of {how.name}; killing it")
        _signal(record, signal.SIGKILL)
        _ends_within(record, 10)


def _signal(record: Record, number: signal.Signals) -> None:
    if not record.is_alive():
        return
    with contextlib.suppress(ProcessLookupError):  # it ended by itself just now
        if number == signal.SIGKILL:
            os.killpg(record.pid, number)  # it leads its own session, so this takes its children along
        else:
            os.kill(record.pid, number)


def _ends_within(record: Record, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while record.is_alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
