"""Which processes take part in a run, and what each has used so far: processor seconds and memory.

Read from /proc. A server is counted with its descendants, and with those of them that have ended.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from demonstration.processes import MARK, marked
from local_servers import fleet

TICKS = os.sysconf("SC_CLK_TCK")

#: honcho, the shells between, and the supervisors: what keeps the Procfile's processes running.
SUPERVISORS = "supervisors"

#: Fields of /proc/<pid>/stat behind the program's name: the parent, and own and ended children's user and system time.
_PARENT, _TIMES = 1, slice(11, 15)

#: Columns of the first line of /proc/stat in which a core is busy: user, nice, system, interrupts.
_BUSY = (1, 2, 3, 6, 7)


def of_procfile(run_id: UUID) -> dict[int, str]:
    """Return the live processes of a run of the Procfile, by id, with their process types."""
    found = {}
    for pid in marked(f"{MARK}={run_id}"):
        with suppress(OSError):  # it ended just now
            found[pid] = process_type(Path(f"/proc/{pid}/cmdline").read_text().split("\0"))
    return found


def of_servers() -> dict[int, str]:
    """Return the private servers' processes, by id, with the servers' names."""
    roots = {record.pid: server.name for server in fleet.everything() if (record := server.running())}
    found = dict(roots)
    parents = _parents()
    for pid in parents:
        ancestor: int | None = pid
        while ancestor is not None and ancestor not in roots:
            ancestor = parents.get(ancestor)
        if ancestor is not None:
            found[pid] = roots[ancestor]
    return found


def cpu_seconds(processes: Mapping[int, str]) -> dict[str, float]:
    """Return processor seconds used since each process began, ended children's included, summed up by name."""
    seconds = dict.fromkeys(processes.values(), 0.0)
    for pid, name in processes.items():
        fields = _stat(pid)
        if fields:
            seconds[name] += sum(map(int, fields[_TIMES])) / TICKS
    return seconds


def machine_cpu_seconds() -> float:
    """Return the processor seconds that anything at all on the machine has used since it started."""
    columns = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return sum(int(columns[place]) for place in _BUSY) / TICKS


def memory_mb(processes: Mapping[int, str]) -> dict[str, float]:
    """Return the resident memory in megabytes (10^6 bytes), by name; the largest where a name has several processes."""
    found: dict[str, float] = {}
    for pid, name in sorted(processes.items()):
        with suppress(OSError):  # it ended just now
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            found[name] = max(found.get(name, 0.0), round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1))
    return found


def without_supervisors(processes: Mapping[int, str]) -> dict[int, str]:
    """Return the processes that do the platform's work."""
    return {pid: name for pid, name in processes.items() if name != SUPERVISORS}


def process_type(arguments: list[str]) -> str:
    """Return the process type that a command line runs: `python -m actors orders` is orders."""
    match arguments[1:4]:
        case ["-m", "actors", name, *_]:
            return name
        case ["-m", "actors.scheduler", *_]:
            return "scheduler"
        case ["-m", "front_door", *_]:
            return "web"
    return SUPERVISORS


def _parents() -> dict[int, int]:
    pids = [int(place.name) for place in Path("/proc").glob("[0-9]*")]
    return {pid: int(fields[_PARENT]) for pid in pids if (fields := _stat(pid))}


def _stat(pid: int) -> list[str]:
    """Return the fields behind the program's name, which may itself hold blanks and brackets; none if it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def difference(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return what was used between two readings, by name."""
    return {name: used - before.get(name, 0.0) for name, used in after.items()}
