"""Stacks of the Python processes, sampled by py-spy while they work: folded, counted, and summed up by function.

Of each process it is the thread that holds the interpreter's lock. Whether a thread sleeps would have to be asked of
the system, and some sandboxes say of every thread that it runs.
"""

import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarking import installing
from local_servers import places

#: Samples a second of each process, and seconds until py-spy has looked around in a process.
RATE, STARTING_SECONDS = 50, 5.0

#: Seconds that py-spy may take to write down what it saw.
ENDING_SECONDS = 30.0

_LINE = re.compile(r":\d+\)$")

Stack = tuple[str, ...]


class CannotSampleError(Exception):
    """Raised when py-spy can sample no process, for example where tracing is forbidden; the text says why."""


@dataclass(frozen=True, slots=True)
class Function:
    """Its share of all samples: those in which it was itself at work, and those in which it was anywhere below."""

    name: str
    own: float
    cumulative: float


@dataclass(frozen=True, slots=True)
class _Spy:
    process: "subprocess.Popen[bytes]"
    name: str
    output: Path
    log: Path


@dataclass
class Sampling:
    """py-spy beside each of some processes (ids, with names), from `start` to `stop`."""

    processes: Mapping[int, str]
    _spies: list[_Spy] = field(default_factory=list)

    def start(self) -> None:
        """Begin. Raises `CannotSampleError` if not one process can be sampled, `NotInstalledError` without py-spy."""
        program = _program()
        for pid, name in self.processes.items():
            output, log = (places.directory("bench") / f"samples-{pid}.{end}" for end in ("folded", "log"))
            output.unlink(missing_ok=True)
            flags = ["--pid", str(pid), "--gil", "--function", "--rate", str(RATE), "--format", "raw"]
            with log.open("wb") as opened:
                process = subprocess.Popen(
                    [program, "record", *flags, "--output", str(output)], stdout=opened, stderr=opened
                )
            self._spies.append(_Spy(process, name, output, log))
        time.sleep(STARTING_SECONDS)
        if all(spy.process.poll() is not None for spy in self._spies):
            raise CannotSampleError(f"py-spy cannot look into the processes: {_said(self._spies)}")

    def stop(self) -> Counter[Stack]:
        """End, and return how often each stack was seen; the first frame is the process's name."""
        for spy in self._spies:
            if spy.process.poll() is None:
                spy.process.send_signal(signal.SIGINT)  # upon which it writes
        found: Counter[Stack] = Counter()
        for spy in self._spies:
            try:
                spy.process.wait(ENDING_SECONDS)
            except subprocess.TimeoutExpired:
                spy.process.kill()
                spy.process.wait()
            if spy.output.exists():
                found.update(folded(spy.name, spy.output.read_text().splitlines()))
                spy.output.unlink()
            spy.log.unlink()
        return found


def folded(name: str, lines: Iterable[str]) -> Counter[Stack]:
    """Return the stacks of lines such as `outer (file.py:1);inner (file.py:7) 42`, under the process's name."""
    found: Counter[Stack] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        found[(name, *(_LINE.sub(")", frame) for frame in stack.split(";")))] += int(count)
    return found


def functions(stacks: Mapping[Stack, int]) -> list[Function]:
    """Return every function with its shares, the one with the most own samples first."""
    own: Counter[str] = Counter()
    cumulative: Counter[str] = Counter()
    for (_, *frames), count in stacks.items():
        if frames:
            own[frames[-1]] += count
        for frame in set(frames):  # recursion is one time
            cumulative[frame] += count
    total = sum(stacks.values()) or 1
    return [Function(name, own[name] / total, cumulative[name] / total) for name, _ in _by_own(own, cumulative)]


def _by_own(own: Counter[str], cumulative: Counter[str]) -> list[tuple[str, int]]:
    return sorted(cumulative.items(), key=lambda one: (-own[one[0]], -one[1], one[0]))


def _program() -> str:
    if shutil.which("py-spy") is None:
        installing.ensure(["py-spy"])
    program = shutil.which("py-spy")
    if program is None:
        raise installing.NotInstalledError("the extra `bench` does not bring py-spy")
    return program


def _said(spies: Iterable[_Spy]) -> str:
    lines = [line.strip() for spy in spies for line in spy.log.read_text(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "it says nothing")
