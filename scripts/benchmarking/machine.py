"""What a measurement was made on: the machine, and the versions of all that took part."""

import importlib.metadata
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg

OURS = ("dramatiq", "pika", "psycopg", "pydantic", "aiohttp", "orjson", "SQLAlchemy", "uvloop")


def machine() -> dict[str, Any]:
    """Return cores, memory, processor, and how busy the machine was already (load of the last minute)."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def versions(distributions: Iterable[str]) -> dict[str, str]:
    """Return the versions of Python, the servers, and these packages."""
    packages = {name: importlib.metadata.version(name) for name in (*OURS, *distributions)}
    return {"python": platform.python_version(), "postgresql": _postgresql(), **packages}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _postgresql() -> str:
    with psycopg.connect(os.environ["ORDERS_DATABASE_URL"]) as connection:
        return connection.info.parameter_status("server_version") or "unknown"
