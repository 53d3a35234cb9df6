"""Where the private servers live: directories and ports."""

import os
from pathlib import Path

from local_servers.errors import ServerError

ROOT = Path(__file__).resolve().parents[2]
DOWNLOADS = ROOT / ".run" / "downloads"
"""Programs, not data: shared by every run directory and kept by `reset`."""

DEFAULT_PORT_BASE = 24000
FIRST_EPHEMERAL_PORT = 32768  # from here on Linux hands ports to outgoing connections
PORTS = {
    "rabbitmq": 1,
    "rabbitmq-management": 2,
    "rabbitmq-distribution": 3,
    "rabbitmq-epmd": 4,
    "postgresql": 5,
    "redis": 6,
    "mongodb": 7,
    "mail-catcher": 8,
    "stripe": 9,
    "payment-gateway": 10,
    "carrier": 11,
}
"""Each server's distance from the port base."""


def port(name: str) -> int:
    """The server's port on 127.0.0.1.

    Raises ServerError if FIRST_VISCOUNT_PORT_BASE leaves no room for a block of ports.
    """
    text = os.environ.get("FIRST_VISCOUNT_PORT_BASE") or str(DEFAULT_PORT_BASE)
    highest = FIRST_EPHEMERAL_PORT - 100
    if not text.isdecimal() or not 1024 <= int(text) <= highest:
        raise ServerError(f"FIRST_VISCOUNT_PORT_BASE must be a whole number from 1024 to {highest}, not {text!r}.")
    return int(text) + PORTS[name]


def run_directory() -> Path:
    """Where data, logs and process records are: FIRST_VISCOUNT_RUN_DIR, or .run at the repository root."""
    return Path(os.environ.get("FIRST_VISCOUNT_RUN_DIR") or ROOT / ".run").resolve()


def directory(name: str) -> Path:
    """A server's own directory, made if it is not there."""
    place = run_directory() / name
    place.mkdir(parents=True, exist_ok=True)
    return place


def log(name: str) -> Path:
    """The file that takes the server's standard output and error."""
    return run_directory() / name / "log"


def maildir() -> Path:
    """The mail catcher's Maildir."""
    return run_directory() / "mail"
