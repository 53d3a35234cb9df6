"""Bringing servers up: install, start, wait until each answers."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from subprocess import Popen

from local_servers import apt, places, ports, probes, processes, variables
from local_servers.errors import AbandonedError, NotAnsweringError, ServerError
from local_servers.fleet import in_parallel, say
from local_servers.server import Server, last_line


def up(servers: Sequence[Server]) -> list[ServerError]:
    """Bring the servers up that the caller's environment does not replace; return what failed."""
    theirs = variables.given()
    own = [server for server in servers if not set(server.variables) <= theirs.keys()]
    absent = [server for server in own if server.running() is None]
    failures = _install(absent)
    if not failures:
        ascent = Ascent(own)
        failures = in_parallel(own, ascent.bring_up, ascent.interrupted)
    wanted = {name for server in servers for name in server.variables}
    return failures + [
        failure for name in variables.given() if name in wanted and (failure := _use_theirs(name, theirs[name]))
    ]


def _install(servers: Sequence[Server]) -> list[ServerError]:
    """Install packages and download programs at the same time."""
    packages = tuple(dict.fromkeys(package for server in servers for package in server.packages()))
    with ThreadPoolExecutor(max_workers=2) as pool:
        jobs = [pool.submit(server.fetch) for server in servers]
        jobs += [pool.submit(_install_packages, packages)] if packages else []
    errors = [error for job in jobs if (error := job.exception())]
    for error in errors:
        if not isinstance(error, ServerError):
            raise error
    return [error for error in errors if isinstance(error, ServerError)]


def _install_packages(packages: tuple[str, ...]) -> None:
    began = time.monotonic()
    try:
        apt.install(packages, places.directory("apt") / "log", lambda text: say("apt", text))
    except apt.AptError as problem:
        raise ServerError(f"{problem} Or set the URLs of servers of your own: see docs/servers.md.") from problem
    say("apt", f"installed ({time.monotonic() - began:.0f} s)")


def _use_theirs(name: str, value: str) -> ServerError | None:
    """Check that a server of the caller's own answers."""
    if "://" not in value:
        return None
    try:
        probes.probe(value)
    except NotAnsweringError as reason:
        return ServerError(
            f"{name} is set to {variables.masked(value)}, which does not answer ({reason}). "
            f"Start it, correct {name}, or unset it to have a private server."
        )
    say(name, f"using yours at {variables.masked(value)}")
    return None


class Ascent:
    """One `up`: each server in a thread of its own, which waits for the server that it needs."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self.interrupted = threading.Event()
        self._ended = {server.name: threading.Event() for server in servers}

    def bring_up(self, server: Server) -> None:
        """Start the server unless it runs, wait until it answers, complete it; raises ServerError."""
        began = time.monotonic()
        try:
            if server.after in self._ended:
                self._ended[server.after].wait()
            process = self._start(server)
            self._wait(server, process)
            server.complete()
        except AbandonedError:
            return
        finally:
            self._ended[server.name].set()
        how = f"answers ({time.monotonic() - began:.1f} s)" if process else "was up already"
        say(server.name, f"127.0.0.1:{server.port} {how}")

    def _start(self, server: Server) -> Popen[bytes] | None:
        if self.interrupted.is_set():
            raise AbandonedError
        record = server.running()
        if record and record.port != server.port:
            raise ServerError(
                f"{server.name}: already runs on port {record.port}, but FIRST_VISCOUNT_PORT_BASE asks for "
                f"{server.port}. Run `scripts/servers down` first."
            )
        if record:
            return None
        for port in server.ports:
            _require_free(server.name, port)
        command = server.prepare()
        if self.interrupted.is_set():
            raise AbandonedError
        return processes.start(places.directory(server.name), server.port, command)

    def _wait(self, server: Server, process: Popen[bytes] | None) -> None:
        deadline = time.monotonic() + server.patience
        while not self.interrupted.is_set():
            try:
                return server.check()
            except NotAnsweringError as reason:
                _require_hope(server, process, deadline, reason)
            self.interrupted.wait(0.1)
        raise AbandonedError


def _require_free(name: str, port: int) -> None:
    if ports.is_free(port):
        return
    pid = ports.holder(port)
    who = f"process {pid} listens on it" if pid else "another process uses it"
    raise ServerError(
        f"{name}: port {port} is taken ({who}). Stop that process, or choose another block of ports, "
        "for example FIRST_VISCOUNT_PORT_BASE=26000."
    )


def _require_hope(server: Server, process: Popen[bytes] | None, deadline: float, reason: NotAnsweringError) -> None:
    """Raise ServerError if the server has ended or has had its time."""
    if process and process.poll() is not None:
        raise ServerError(
            f"{server.name}: ended at once with exit code {process.returncode} ({last_line(server.log)}). "
            f"Its log is {server.log}."
        )
    if time.monotonic() > deadline:
        raise ServerError(
            f"{server.name}: does not answer on 127.0.0.1:{server.port} within {server.patience:.0f} s ({reason}). "
            f"Its log is {server.log}. `scripts/servers down` stops it."
        )
