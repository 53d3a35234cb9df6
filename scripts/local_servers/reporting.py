"""What `scripts/servers status` shows."""

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from local_servers import probes, variables
from local_servers.errors import NotAnsweringError, ServerError
from local_servers.fleet import in_parallel
from local_servers.server import Server


@dataclass(frozen=True)
class Row:
    """One server's state: `since` is UTC, ISO 8601; `yours` the masked URL of the caller's own, if that is used."""

    name: str
    port: int | None
    pid: int | None
    since: str | None
    answers: bool
    reason: str | None = None
    yours: str | None = None


def rows(servers: Sequence[Server]) -> list[Row]:
    """The state of every server, in their order, after asking each one."""
    found: dict[str, Row] = {}
    theirs = variables.given()

    def look(server: Server) -> None:
        found[server.name] = _row(server, theirs)

    in_parallel(servers, look, threading.Event())
    return [found[server.name] for server in servers]


def _row(server: Server, theirs: dict[str, str]) -> Row:
    if set(server.variables) <= theirs.keys():
        urls = [theirs[name] for name in server.variables]
        reason = next(filter(None, map(_silence, urls)), None)
        return Row(server.name, None, None, None, reason is None, reason, variables.masked(urls[0]))
    record = server.running()
    if record is None:
        return Row(server.name, server.port, None, None, False, "not started")
    try:
        server.check()
    except (NotAnsweringError, ServerError) as problem:
        return Row(server.name, record.port, record.pid, record.since, False, f"{problem} (log: {server.log})")
    return Row(server.name, record.port, record.pid, record.since, True)


def _silence(url: str) -> str | None:
    try:
        probes.probe(url)
    except NotAnsweringError as reason:
        return str(reason)
    return None


def as_json(found: Sequence[Row]) -> list[dict[str, object]]:
    """The rows as `status --json` prints them."""
    return [asdict(row) for row in found]


def as_table(found: Sequence[Row]) -> str:
    """The rows as text for a terminal."""
    lines = [f"{'server':<16} {'port':>6} {'pid':>8}  {'up since (UTC)':<26} answers"]
    for row in found:
        port, pid = row.port or "-", row.pid or "-"
        since = f"yours: {row.yours}" if row.yours else row.since or "-"
        lines.append(f"{row.name:<16} {port:>6} {pid:>8}  {since:<26} {'yes' if row.answers else f'no: {row.reason}'}")
    return "\n".join(lines)
