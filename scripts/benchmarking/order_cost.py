"""What orders cost: processor time by process, bytes of WAL and AMQP, rows and documents written."""

import asyncio
import os
import resource
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import urllib3

from benchmarking import process_figures
from benchmarking.platform import PlatformFailedError
from demonstration.databases import looking_into
from local_servers.variables import MANAGEMENT
from persistence.databases import POSTGRESQL_CONTEXTS, notifications_database

#: This process, which posts the orders and looks whether they are completed; and everything that takes no part.
CLIENT, OTHERS = "this benchmark's client", "everything else on the machine"

#: Seconds of one look at how busy the platform is; the looks until it must be at rest.
WINDOW, MOST_WINDOWS = 1.0, 120

_WAL = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, wal_fpi, wal_records FROM pg_stat_wal"
_ROWS = """
    SELECT relname, n_tup_ins, n_tup_upd, n_tup_hot_upd, n_tup_del FROM pg_stat_user_tables
    WHERE schemaname = current_schema()
"""
_KINDS = ("inserted", "updated", "hot_updated", "deleted")

Rows = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything used until a moment: processor seconds by name, and PostgreSQL's write-ahead log.

    `wal_pages` counts full pages in the log: the first change of a page after a checkpoint logs all of it.
    """

    cpu_seconds: Mapping[str, float]
    wal_bytes: int
    wal_pages: int
    wal_records: int

    def used_by(self, names: set[str]) -> float:
        """Return the processor seconds of some names."""
        return sum(self.cpu_seconds[name] for name in names)


class Meter:
    """Reads what the processes of one run, the servers and this process have used."""

    def __init__(self, run_id: UUID) -> None:
        self.procfile = process_figures.of_procfile(run_id)
        self._types = set(self.procfile.values())
        self._idle_cores = 0.0

    @property
    def idle_cores(self) -> float:
        """The cores that the Procfile's processes keep busy when there is nothing to do."""
        return round(self._idle_cores, 3)

    def read(self) -> Reading:
        """Read everything now."""
        seconds = process_figures.cpu_seconds(self.procfile | process_figures.of_servers())
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds[CLIENT] = used.ru_utime + used.ru_stime
        seconds[OTHERS] = process_figures.machine_cpu_seconds() - sum(seconds.values())
        with looking_into("orders") as connection:
            wal, pages, records = connection.execute(_WAL).fetchone() or (0, 0, 0)
        return Reading(seconds, int(wal), int(pages), int(records))

    async def begun(self) -> Reading:
        """Find out how busy the platform is at rest; return the reading of that moment."""
        first = await asyncio.to_thread(self.read)
        await asyncio.sleep(3 * WINDOW)
        last = await asyncio.to_thread(self.read)
        self._idle_cores = (last.used_by(self._types) - first.used_by(self._types)) / (3 * WINDOW)
        return last

    async def at_rest(self) -> Reading:
        """Return the reading of the moment from which on the platform is at rest. Raises `PlatformFailedError`."""
        limit = (1.5 * self._idle_cores + 0.05) * WINDOW
        last = await asyncio.to_thread(self.read)
        for _ in range(MOST_WINDOWS):
            await asyncio.sleep(WINDOW)
            now = await asyncio.to_thread(self.read)
            if now.used_by(self._types) - last.used_by(self._types) < limit:
                return last
            last = now
        raise PlatformFailedError(f"the platform does not come to rest within {MOST_WINDOWS * WINDOW:.0f} s")


def cpu_ms(before: Reading, after: Reading, orders: int) -> dict[str, float]:
    """Return processor milliseconds an order by name, the dearest first."""
    used = process_figures.difference(before.cpu_seconds, after.cpu_seconds)
    return {name: round(1000 * used[name] / orders, 4) for name in sorted(used, key=used.__getitem__, reverse=True)}


def amqp_bytes() -> dict[str, int]:
    """Return the bytes that went in and out of RabbitMQ, by connection. Figures may be ten seconds old.

    Raises `PlatformFailedError`, and urllib3's errors.
    """
    url = urlsplit(os.environ[MANAGEMENT])
    address = f"{url.scheme}://{url.netloc.rpartition('@')[2]}/api/connections"
    credentials = f"{unquote(url.username or '')}:{unquote(url.password or '')}"
    answer = urllib3.request("GET", address, headers=urllib3.make_headers(basic_auth=credentials), timeout=20)
    if answer.status != 200:
        raise PlatformFailedError(f"RabbitMQ's management interface answers {answer.status}")
    return {one["name"]: one.get("recv_oct", 0) + one.get("send_oct", 0) for one in answer.json()}


def amqp_difference(before: Mapping[str, int], after: Mapping[str, int]) -> int:
    """Return the bytes since the first look, over the connections that are there at the second."""
    return sum(count - before.get(name, 0) for name, count in after.items())


def rows_written() -> dict[str, dict[str, int]]:
    """Return PostgreSQL's counts of rows by `context.table`, and MongoDB's of documents under `notifications`.

    Backends hand their counts over when they end, so ask when the workers have ended.
    """
    found: dict[str, dict[str, int]] = {}
    for context in POSTGRESQL_CONTEXTS:
        with looking_into(context) as connection:
            for table, *counts in connection.execute(_ROWS):
                found[f"{context}.{table}"] = dict(zip(_KINDS, counts, strict=True))
    found["notifications"] = _documents()
    return found


def rows_per_order(before: Rows, after: Rows, orders: int) -> dict[str, dict[str, float]]:
    """Return the rows that an order wrote, without the tables in which it wrote none."""
    found = {}
    for table, counts in after.items():
        earlier = before.get(table, {})
        written = {kind: round((count - earlier.get(kind, 0)) / orders, 3) for kind, count in counts.items()}
        if any(written.values()):
            found[table] = written
    return found


def _documents() -> dict[str, int]:
    database = notifications_database()
    try:
        counts: dict[str, Any] = database.client.admin.command("serverStatus")["metrics"]["document"]
    finally:
        database.client.close()
    return {kind: int(counts[kind]) for kind in ("inserted", "updated", "deleted")}
