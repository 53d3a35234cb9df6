"""All private servers together: brought up, taken down and looked at in parallel."""

import contextlib
import fcntl
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from local_servers import credentials, mongodb, places, postgresql, python_servers, rabbitmq, redis_server
from local_servers.errors import ServerError
from local_servers.server import Server

Action = Callable[[Server], None]


def everything() -> tuple[Server, ...]:
    """Every private server; one that another waits for stands before it."""
    return (
        *rabbitmq.servers(),
        postgresql.server(),
        redis_server.server(),
        mongodb.server(),
        *python_servers.servers(),
    )


def named(names: Sequence[str]) -> tuple[Server, ...]:
    """The servers whose names begin like these, with those they need; raises ServerError for an unknown name."""
    fleet = everything()
    chosen: set[str] = set()
    for name in names:
        matching = [server for server in fleet if server.name == name] or [
            server for server in fleet if name and server.name.startswith(name)
        ]
        if len(matching) != 1:
            raise ServerError(f"There is no server {name!r}; choose from {', '.join(server.name for server in fleet)}.")
        chosen.add(matching[0].name)
    chosen |= {server.after for server in fleet if server.name in chosen and server.after}
    return tuple(server for server in fleet if server.name in chosen)


def in_parallel(servers: Sequence[Server], action: Action, interrupted: threading.Event) -> list[ServerError]:
    """Do the action for all servers at once and return what failed.

    A Ctrl-C sets `interrupted`, which the action must heed, and is raised again when every action has ended.
    """
    with ThreadPoolExecutor(len(servers) or 1) as pool:
        futures = [pool.submit(action, server) for server in servers]
        try:
            return [failure for failure in map(_failure, futures) if failure]
        except KeyboardInterrupt:
            interrupted.set()
            # From here on the end is near. A second Ctrl-C must not cut short the recording of a started server; an
            # empty handler, since a server started now would inherit SIG_IGN.
            signal.signal(signal.SIGINT, lambda number, frame: None)
            raise


def _failure(future: Future[None]) -> ServerError | None:
    error = future.exception()
    if error is None or isinstance(error, ServerError):
        return error
    raise error


def say(server: str, text: str) -> None:
    """Tell the person at the terminal what happens to a server; standard output stays free for results."""
    print(f"{server:<16} {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def lock() -> Iterator[None]:
    """Let one command at a time change this run directory's servers."""
    places.run_directory().mkdir(parents=True, exist_ok=True)
    with open(places.run_directory() / "servers.lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("servers", "another scripts/servers is at work here; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def delete_data() -> None:
    """Remove every server's data, log and credentials; downloaded programs stay."""
    for server in everything():
        for place in (*server.directories(), places.run_directory() / server.name):
            if place.exists():
                shutil.rmtree(place)
    credentials.path().unlink(missing_ok=True)
