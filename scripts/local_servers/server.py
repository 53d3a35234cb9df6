"""What a private server is to `scripts/servers`."""

import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from local_servers import places, processes
from local_servers.errors import ServerError


def _nothing() -> None:
    """Most servers need no such step."""


def _no_packages() -> tuple[str, ...]:
    return ()


@dataclass(frozen=True)
class Server:
    """One private server: how it is installed, prepared, asked and stopped.

    `variables`: when the caller sets all of them to servers of its own, this one is not started.
    `packages` names the Debian packages that are still missing; `fetch` downloads what no package holds.
    `prepare` writes configuration and first data and returns how to start it; `check` raises NotAnsweringError until it
    answers; `complete` makes what must be inside (roles, databases, replica set) and may be repeated.
    """

    name: str
    variables: tuple[str, ...]
    prepare: Callable[[], processes.Command]
    check: Callable[[], None]
    complete: Callable[[], None] = _nothing
    packages: Callable[[], tuple[str, ...]] = _no_packages
    fetch: Callable[[], None] = _nothing
    directories: Callable[[], tuple[Path, ...]] = tuple
    further_ports: tuple[str, ...] = ()
    after: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = field(default=60.0)
    """Seconds it may take to answer, and again to stop."""

    @property
    def port(self) -> int:
        """Its main port on 127.0.0.1."""
        return places.port(self.name)

    @property
    def ports(self) -> tuple[int, ...]:
        """All ports that it listens on."""
        return (self.port, *map(places.port, self.further_ports))

    @property
    def log(self) -> Path:
        """Its log."""
        return places.log(self.name)

    def running(self) -> processes.Record | None:
        """Its process, if it was started here and still runs."""
        return processes.running(places.run_directory() / self.name)


def run_tool(name: str, arguments: tuple[str, ...], user: str | None = None, **environment: str) -> None:
    """Run one of a server's own tools with its output in that server's log; raises ServerError if it fails.

    It runs in a session of its own, so that a Ctrl-C cannot leave its work half done.
    """
    with places.log(name).open("ab") as log:
        ended = subprocess.run(
            arguments,
            env=processes.clean_environment(environment),
            cwd=places.directory(name),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user,
            extra_groups=[] if user else None,
        )
    if ended.returncode != 0:
        tool = Path(arguments[0]).name
        raise ServerError(f"{name}: {tool} failed ({last_line(places.log(name))}). Its log is {places.log(name)}.")


def last_line(log: Path) -> str:
    """The last line in a log that says something."""
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")
