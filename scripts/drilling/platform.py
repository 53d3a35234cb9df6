"""The Procfile's processes, each under a supervisor of its own that the drill can find, kill and start again."""

import ctypes
import os
import re
import shlex
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from demonstration.processes import ROOT, Processes, environment, marked
from drilling.clocks import Clocks

FRONT_DOOR, SCHEDULER = "web", "scheduler"

_PR_SET_PDEATHSIG = 1
_LINE = re.compile(r"^(\w+):\s*(.+)$")
_SUPERVISOR = "scripts/supervise"


class Platform(Processes):
    """All process types by their Procfile names; each logs to a file of its own."""

    def __init__(self, run: str, directory: Path, clocks: Clocks | None, *, keep: bool) -> None:
        super().__init__(run, directory, keep=keep)
        self.directory = directory
        self.log = directory / "logs"
        self.deaths = directory / "deaths"
        for place in (self.log, self.deaths):
            place.mkdir(exist_ok=True)
        for waiting in self.deaths.iterdir():
            waiting.unlink()
        self.commands = procfile()
        self._clocks = clocks
        self._supervisors: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def workers(self) -> tuple[str, ...]:
        """The process types that consume queues."""
        return tuple(name for name in self.commands if name not in (FRONT_DOOR, SCHEDULER))

    def start(self) -> None:
        """Start every supervisor; must be called from the main thread, whose end would end them too."""
        self._record.write_text(self._mark)
        for name in self.commands:
            self._supervise(name)

    def look_after(self) -> bool:
        """Start supervisors again that ended, and tell whether there were any."""
        ended = [name for name, process in self._supervisors.items() if process.poll() is not None]
        for name in ended:
            self.restarts += 1
            self._supervise(name)
        return bool(ended)

    def stop(self) -> None:
        """Stop all processes, frozen ones too, and wait until none is left."""
        for pid in marked(self._mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        super().stop()
        for process in self._supervisors.values():
            process.wait()
        if self._clocks:
            self._clocks.sweep()

    def kept(self) -> str:
        """Return how to stop what is left running."""
        return f"kill {' '.join(str(process.pid) for process in self._supervisors.values())}"

    def supervisor(self, name: str) -> int:
        """Return the id of a process type's supervisor."""
        return self._supervisors[name].pid

    def process(self, name: str) -> int | None:
        """Return the id of the process of this type, None while there is none."""
        supervisor = self.supervisor(name)
        with suppress(OSError):
            children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
            # A child that is not yet the command has the supervisor's own command line.
            return next((int(pid) for pid in children if _is_command(int(pid))), None)
        return None

    def processes(self) -> dict[str, int]:
        """Return the id of each type's process, without those that are being started."""
        found = {name: self.process(name) for name in self.commands}
        return {name: pid for name, pid in found.items() if pid is not None}

    def _supervise(self, name: str) -> None:
        mark, _, run = self._mark.partition("=")
        variables = {mark: run, "PYTHONUNBUFFERED": "1", "FIRST_VISCOUNT_CRASH_POINTS": str(self.deaths)}
        if name == FRONT_DOOR:
            variables["PORT"] = str(self.port)
        with (self.log / f"{name}.log").open("ab") as log:
            self._supervisors[name] = subprocess.Popen(
                self._command(name),
                cwd=ROOT,
                env=environment({}) | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=None if self._keep else _end_with_parent,
            )

    def _command(self, name: str) -> list[str]:
        supervisor, *command = shlex.split(self.commands[name].replace("${PORT:-8080}", str(self.port)))
        if self._clocks is None or name not in self._clocks.names:
            return [supervisor, *command]
        # Only the worker sees the wrong clock: shared with the supervisor, a kill could leave it locked for both.
        clock = [f"{key}={value}" for key, value in self._clocks.environment(name).items()]
        return [supervisor, "env", *clock, *command]


def procfile() -> dict[str, str]:
    """Return the Procfile's commands by process type."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    found = {match[1]: match[2] for line in lines if (match := _LINE.match(line))}
    for name, command in found.items():
        if not command.startswith(f"{_SUPERVISOR} "):
            raise ValueError(f"the Procfile's {name} is not run under {_SUPERVISOR}")
    return found


def _is_command(pid: int) -> bool:
    """Whether a supervisor's child has become the command it was made for."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return bool(words[0]) and words[0] != b"env" and not any(_SUPERVISOR.encode() in word for word in words)


def _end_with_parent() -> None:
    """Run in the child before it becomes a supervisor: when the drill is killed, the kernel tells it to stop."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
