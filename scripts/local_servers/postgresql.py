"""PostgreSQL with one database a context, each owned by a role that can open no other."""

import hashlib
import os
import pwd
import re
import shutil
import signal
import subprocess
from pathlib import Path

from local_servers import credentials, places, probes, variables
from local_servers.errors import NotAnsweringError, ServerError
from local_servers.processes import SYSTEM_PATH, Command
from local_servers.server import Server, run_tool

NAME = "postgresql"
OLDEST = 15
LONGEST_SOCKET_DIRECTORY = 80  # a socket's path has at most 107 bytes, its name takes some of them
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "300",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",  # after each, every page is logged whole at its first change
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_preload_libraries": "pg_stat_statements",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def server() -> Server:
    """PostgreSQL."""
    from local_servers.postgresql_databases import create

    return Server(
        NAME,
        tuple(map(variables.database_variable, variables.CONTEXTS)),
        prepare=_prepare,
        check=_check,
        complete=create,
        packages=_packages,
        directories=lambda: (_home(),),
        stop_signal=signal.SIGINT,  # "fast": ends open transactions instead of waiting for the clients to leave
    )


def _programs() -> Path | None:
    """The directory of the newest PostgreSQL's programs, if that is new enough."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    on_path = shutil.which("initdb") or shutil.which("initdb", path=SYSTEM_PATH)
    found += [Path(on_path).resolve().parent] if on_path else []
    newest = max(found, key=_version, default=None)
    return newest if newest and _version(newest) >= OLDEST else None


def _version(programs: Path) -> int:
    """The major version, from the directory's name where it is there, else from the program."""
    named = re.search(r"(\d+)/bin$", str(programs))
    if named:
        return int(named[1])
    told = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True).stdout
    number = re.search(r"\) (\d+)", told)
    return int(number[1]) if number else 0


def _packages() -> tuple[str, ...]:
    return () if _programs() else ("postgresql",)


def _user() -> str | None:
    """PostgreSQL refuses to run as root; the package makes a user for it. None means the present user."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise ServerError(
            "postgresql: it refuses to run as root and there is no user `postgres` to run it as; "
            "make one, run this as another user, or set the five *_DATABASE_URL variables."
        ) from None


def _home() -> Path:
    """Where the data is: in the run directory, unless PostgreSQL's user cannot enter that (a checkout under /root).

    Then it is in that user's own home, under a name that belongs to this run directory alone.
    """
    usual = places.directory(NAME)
    user = _user() if _programs() else None
    if user is None or subprocess.run(["test", "-x", usual], user=user, extra_groups=[], cwd="/").returncode == 0:
        return usual
    mark = hashlib.sha256(str(usual).encode()).hexdigest()[:12]
    return Path(pwd.getpwnam(user).pw_dir) / f"first-viscount-{mark}"


def _prepare() -> Command:
    programs, user, home = _programs(), _user(), _home()
    if programs is None:
        raise ServerError(
            "postgresql: no PostgreSQL 15 or newer was found; install one or set the five *_DATABASE_URL."
        )
    home.mkdir(exist_ok=True)
    if user:
        shutil.chown(home, user, pwd.getpwnam(user).pw_gid)
    if not (home / "data").exists():
        _initialise(programs, user, home)
    options = SETTINGS | {"port": str(places.port(NAME)), "unix_socket_directories": _socket_directory(home)}
    flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    return Command((str(programs / "postgres"), "-D", str(home / "data"), *flags), directory=home, user=user)


def _socket_directory(home: Path) -> str:
    return str(home) if len(str(home)) <= LONGEST_SOCKET_DIRECTORY and "," not in str(home) else ""


def _initialise(programs: Path, user: str | None, home: Path) -> None:
    """Make the data directory under another name first, so that a broken-off attempt is never taken for data."""
    draft, password = home / "data.new", home / "password"
    shutil.rmtree(draft, ignore_errors=True)
    password.touch(mode=0o600)
    password.write_text(credentials.load()["postgresql_superuser"])
    if user:
        shutil.chown(password, user)
    flags = ["--username=postgres", f"--pwfile={password}", "--auth=scram-sha-256"]
    flags += ["--encoding=UTF8", "--locale=C.UTF-8", f"--pgdata={draft}"]
    try:
        run_tool(NAME, (str(programs / "initdb"), *flags), user=user, HOME=str(home))
    finally:
        password.unlink()
    draft.rename(home / "data")


def _check() -> None:
    try:
        probes.postgresql(variables.superuser_url())
    except NotAnsweringError as reason:
        if "password authentication failed" in str(reason):
            raise ServerError(
                f"postgresql: refuses the password in {credentials.path()}; its data is older than that file. "
                "`scripts/servers reset` starts afresh."
            ) from None
        raise
