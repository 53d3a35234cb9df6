"""Redis for read models, sessions and rate limits: nothing on disk, only what carries an expiry is evicted."""

import shutil

from local_servers import credentials, places, probes, variables
from local_servers.errors import ServerError
from local_servers.processes import SYSTEM_PATH, Command
from local_servers.server import Server

CONFIGURATION = """\
bind 127.0.0.1
port {port}
dir {directory}
requirepass {password}
save ""
appendonly no
maxmemory 512mb
maxmemory-policy volatile-lru
"""


def server() -> Server:
    """Redis."""
    return Server("redis", ("REDIS_URL",), prepare=_prepare, check=_check, packages=_packages)


def _program() -> str | None:
    return shutil.which("redis-server", path=SYSTEM_PATH) or shutil.which("redis-server")


def _packages() -> tuple[str, ...]:
    return () if _program() else ("redis-server",)


def _prepare() -> Command:
    program = _program()
    if program is None:
        raise ServerError("redis: the program redis-server was not found; install it or set REDIS_URL.")
    home = places.directory("redis")
    configuration = home / "redis.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        CONFIGURATION.format(
            port=places.port("redis"), directory=_quoted(str(home)), password=credentials.load()["redis"]
        )
    )
    return Command((program, str(configuration)))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _check() -> None:
    probes.redis(variables.private()["REDIS_URL"])
