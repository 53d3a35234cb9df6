"""A worker process: consumes one context's queues until it is told to stop."""

import importlib
import logging
import os
import signal
import sys
import threading

#: Milliseconds an idle thread sleeps before it looks whether it is to stop.
IDLE_MILLISECONDS = 500

#: Seconds that messages at work may take when the process is told to stop.
SHUTDOWN_SECONDS = 20


def run(context_name: str, threads: int, prefetch: int) -> int:
    """Work for one context; returns the exit code. SIGTERM and SIGINT end it after the messages at work."""
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"), format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    # Dramatiq reads these when it is imported.
    os.environ["dramatiq_queue_prefetch"] = str(prefetch)  # noqa: SIM112
    os.environ["dramatiq_restart_delay"] = "500"  # noqa: SIM112
    url = os.environ.get("RABBITMQ_URL")
    if not url:
        print('RABBITMQ_URL is not set: run eval "$(scripts/servers env)", which prints it, or set it', file=sys.stderr)
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return _work(context_name, url, threads, stop)


def _work(context_name: str, url: str, threads: int, stop: threading.Event) -> int:
    from dramatiq import Worker

    from actors.runtime.broker import BROKER
    from actors.runtime.context import Context

    module = importlib.import_module(f"actors.{context_name}")
    context = next(value for value in vars(module).values() if isinstance(value, Context))
    try:
        context.start(url)
    except TimeoutError:
        print(f"RabbitMQ does not answer at the host of RABBITMQ_URL; {context_name} cannot start", file=sys.stderr)
        return 1
    worker = Worker(BROKER, worker_threads=threads, worker_timeout=IDLE_MILLISECONDS)
    worker.start()
    logging.getLogger(__name__).info("%s is at work with %s threads", context_name, threads)
    stop.wait()
    # The second signal of an impatient operator ends the process at once: nothing is lost by that either.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    context.begin_to_stop()
    worker.stop(timeout=SHUTDOWN_SECONDS * 1000)
    context.stop()
    BROKER.close()
    return 0
