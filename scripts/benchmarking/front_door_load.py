"""wrk as the front door's client: one thread, keep-alive, one request at a time on each connection."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from benchmarking import process_figures
from benchmarking.installing import NotInstalledError
from benchmarking.platform import PlatformFailedError
from local_servers import apt, places

SCRIPT = Path(__file__).with_name("front_door.lua")

#: Seconds that an answer may take.
TIMEOUT = 10


class LoadFailedError(PlatformFailedError):
    """Raised when wrk does not run to its end; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk came to. `errors`: answers of 400 and above, and requests without an answer.

    Times are milliseconds: of latency as wrk counts it, and of processor time a request. `web_cores` is the part of a
    core that the web process took.
    """

    per_second: float
    p50_ms: float
    p99_ms: float
    requests: int
    errors: int
    web_cpu_ms: float
    client_cpu_ms: float
    web_cores: float

    @property
    def as_json(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Client:
    """How wrk meets one web process."""

    url: str
    web: int
    connections: int

    async def post(self, bodies: Sequence[bytes], keys: str, seconds: int) -> Load:
        """Post orders, the bodies in turn, under keys that begin with `keys`."""
        return await self._run("orders", bodies, seconds, keys)

    async def get(self, paths: Sequence[str], seconds: int) -> Load:
        """Get the paths in turn."""
        return await self._run("paths", [path.encode() for path in paths], seconds)

    async def _run(self, kind: str, lines: Sequence[bytes], seconds: int, *more: str) -> Load:
        file = places.directory("bench") / "requests"
        file.write_bytes(b"\n".join(lines) + b"\n")
        flags = ["--threads", "1", "--connections", str(self.connections), "--duration", f"{seconds}s"]
        flags += ["--timeout", f"{TIMEOUT}s", "--script", str(SCRIPT), self.url]
        began, before = time.monotonic(), _cpu_seconds(self.web)
        said, client_seconds = await _ended([_wrk(), *flags, "--", kind, str(file), *more])
        took, web_seconds = time.monotonic() - began, _cpu_seconds(self.web) - before
        return _load(said, client_seconds, web_seconds, took)


def ensure_installed() -> None:
    """Have wrk, from Debian's package if it is not there. Raises `NotInstalledError`."""
    if shutil.which("wrk"):
        return
    try:
        apt.install(("wrk",), places.directory("bench") / "apt.log", print)
    except apt.AptError as problem:
        raise NotInstalledError(str(problem)) from problem


def _load(said: str, client_seconds: float, web_seconds: float, took: float) -> Load:
    told = orjson.loads(said.rstrip().rpartition("\n")[2])
    requests = max(told["requests"], 1)
    return Load(
        per_second=round(told["requests"] / (told["microseconds"] / 1e6), 1),
        p50_ms=round(told["p50"] / 1000, 3),
        p99_ms=round(told["p99"] / 1000, 3),
        requests=told["requests"],
        errors=told["statuses"] + told["broken"],
        web_cpu_ms=round(1000 * web_seconds / requests, 4),
        client_cpu_ms=round(1000 * client_seconds / requests, 4),
        web_cores=round(web_seconds / took, 2),
    )


async def _ended(command: Sequence[str]) -> tuple[str, float]:
    """Run a command; return what it said, and its processor seconds. Cancelled, it ends the command."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ending = asyncio.ensure_future(asyncio.to_thread(_waited_for, process))
    try:
        await asyncio.shield(ending)
    except asyncio.CancelledError:
        process.kill()
        await asyncio.gather(ending, return_exceptions=True)
        raise
    return ending.result()


def _waited_for(process: "subprocess.Popen[bytes]") -> tuple[str, float]:
    assert process.stdout is not None
    said = process.stdout.read().decode(errors="replace")
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise LoadFailedError(f"wrk ended with exit code {process.returncode}: {said.strip()[-300:]}")
    return said, used.ru_utime + used.ru_stime


def _cpu_seconds(pid: int) -> float:
    return process_figures.cpu_seconds({pid: "web"})["web"]


def _wrk() -> str:
    return shutil.which("wrk") or "wrk"
