"""A worker process: consumes the queues of one process type until it is told to stop."""

import ctypes
import gc
import importlib
import logging
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from actors.runtime.meeting import LARGEST_BATCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dramatiq import Worker

    from actors.runtime.context import Context

#: Milliseconds an idle thread sleeps before it looks whether it is to stop.
IDLE_MILLISECONDS = 500

#: Objects made and still there after which Python looks for garbage that refers to itself (its own choice is 700).
GARBAGE_AFTER = 50_000

#: mallopt(3): the most heaps that the C library makes, and how many they are to be.
M_ARENA_MAX, HEAPS = -8, 2

#: Signals that tell a worker to end.
ENDING = (signal.SIGTERM, signal.SIGINT)

#: Threads that answer queries.
QUERY_THREADS = 2

#: Seconds that messages at work may take when the process is told to stop; then they go back to their queue. The relay
#: takes at most fifteen more.
SHUTDOWN_SECONDS = 20


def run(queue: str, threads: int, prefetch: int, batch: int = LARGEST_BATCH) -> int:
    """Work for one queue, and the queries beside it, until SIGTERM or SIGINT; returns the exit code."""
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"), format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    # Dramatiq reads these when it is imported.
    os.environ["dramatiq_queue_prefetch"] = str(prefetch)  # noqa: SIM112
    os.environ["dramatiq_restart_delay"] = "500"  # noqa: SIM112
    url = os.environ.get("RABBITMQ_URL")
    if not url:
        print('RABBITMQ_URL is not set: run eval "$(scripts/servers env)", which prints it, or set it', file=sys.stderr)
        return 2
    keep_memory_together()
    # Waited for, not handled: Python's handlers run in the main thread, which a signal that the kernel gave to another
    # thread does not wake.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    return _work(queue, url, threads, batch)


def keep_memory_together() -> None:
    """Have glibc keep two heaps and not one a thread: batches are large, and what each frees stays its own."""
    with suppress(AttributeError):  # other C libraries have no `mallopt`, and do as they like
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, HEAPS)


def _work(queue: str, url: str, threads: int, batch: int) -> int:
    import psycopg
    import sqlalchemy.exc
    from dramatiq import Worker

    from actors.gateways.addresses import InvalidAddress
    from actors.runtime.broker import BROKER
    from persistence.carriers import NoCarrier
    from persistence.databases import DatabaseUrlError
    from persistence.encryption import EncryptionKeyError, SealedFieldError
    from persistence.read_models import RedisUrlError

    module = importlib.import_module(f"actors.{queue}")
    context: Context = getattr(module, queue.upper())
    try:
        context.start(url, batch)
    except TimeoutError:
        print(f"RabbitMQ does not answer at the host of RABBITMQ_URL; {queue} cannot start", file=sys.stderr)
        return 1
    except (psycopg.OperationalError, sqlalchemy.exc.OperationalError) as error:
        print(f"{queue} cannot start, its database is away: {error}", file=sys.stderr)
        return 1
    except (DatabaseUrlError, EncryptionKeyError, InvalidAddress, NoCarrier, RedisUrlError, SealedFieldError) as error:
        print(f"{queue} cannot start: {error}", file=sys.stderr)
        return 2
    # Queries have threads of their own: those of the commands may all be waiting for a party outside.
    workers = [
        Worker(
            BROKER,
            queues={name},
            worker_threads=QUERY_THREADS if name.endswith(".queries") else threads,
            worker_timeout=IDLE_MILLISECONDS,
        )
        for name in sorted(context.queues)
    ]
    # What is loaded by now stays: it need not be looked through again for garbage. Messages make little of it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER)
    for worker in workers:
        worker.start()
    logging.getLogger(__name__).info("%s is at work with %s threads", queue, threads)
    signal.sigwait(ENDING)
    # The second signal of an impatient operator ends the process at once: nothing is lost by that either.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    code = 0
    try:
        _stop(context, workers)
    except Exception:
        logging.getLogger(__name__).exception("%s could not end as it should", queue)
        code = 1
    logging.shutdown()
    # Not by `return`: Python would wait for calls to a party outside that nobody waits for any more, their messages
    # being back in the queue, and for those that have not even begun.
    os._exit(code)


def _stop(context: "Context", workers: "Sequence[Worker]") -> None:
    """Let the messages at work be finished, or go back to their queue, and relay what was committed."""
    from actors.runtime.broker import BROKER

    context.begin_to_stop()
    # All at once, so that the process ends within the time stated, however many queues it has.
    with ThreadPoolExecutor(len(workers)) as ending:
        list(ending.map(lambda worker: worker.stop(timeout=SHUTDOWN_SECONDS * 1000), workers))
    context.stop()
    BROKER.close()
