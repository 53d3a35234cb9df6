"""Stopping servers, each by its own signal and then, if it must be, by SIGKILL."""

import threading
import time
from collections.abc import Sequence

from local_servers import places, processes
from local_servers.errors import ServerError
from local_servers.fleet import in_parallel, say
from local_servers.server import Server


def down(servers: Sequence[Server]) -> list[ServerError]:
    """Stop the servers, those last that others need; return what failed."""
    needed = {server.after for server in servers}
    never = threading.Event()
    first = [server for server in servers if server.name not in needed]
    then = [server for server in servers if server.name in needed]
    return in_parallel(first, _stop, never) + in_parallel(then, _stop, never)


def _stop(server: Server) -> None:
    record = server.running()
    if record is None:
        return
    began = time.monotonic()
    try:
        processes.stop(record, server.stop_signal, server.patience, lambda text: say(server.name, text))
    except PermissionError:
        raise ServerError(f"{server.name}: process {record.pid} belongs to another user, who has to stop it.") from None
    if record.is_alive():
        raise ServerError(f"{server.name}: process {record.pid} survives even SIGKILL. Its log is {server.log}.")
    (places.run_directory() / server.name / "process.json").unlink(missing_ok=True)
    say(server.name, f"stopped ({time.monotonic() - began:.1f} s)")
