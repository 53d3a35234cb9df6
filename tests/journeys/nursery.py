"""`python -m tests.journeys.nursery QUEUE ...`: real worker processes that are there again at once after a SIGKILL.

A worker's imports take a second. Here they are made once, before any thread or connection exists, and every worker is
a fork: it runs what `python -m actors QUEUE` runs. A queue that is named twice gets two workers. A worker that ends by
anything but SIGKILL ends the nursery with exit code 1, so that no other way to end goes unseen.
"""

import importlib
import os
import signal
import sys
import threading
import time

#: Worker threads, and unacknowledged envelopes, of each worker.
THREADS, PREFETCH = 4, 64

#: Seconds that workers may take to end.
PATIENCE_SECONDS = 12.0

WATCHED = {signal.SIGCHLD, signal.SIGTERM}


def main(queues: list[str]) -> int:
    """Keep one worker alive for each queue named, until SIGTERM or until whoever started this is gone."""
    parent = os.getppid()
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    _import_everything(set(queues))
    workers = {_born(queue): queue for queue in queues}
    code = 0
    while not code and os.getppid() == parent:
        seen = signal.sigtimedwait(WATCHED, 1.0)
        if seen and seen.si_signo == signal.SIGTERM:
            break
        code = _replace_the_killed(workers)
    _end(workers)
    return code


def _import_everything(queues: set[str]) -> None:
    # Dramatiq reads these when it is imported, which is before `run` sets them.
    os.environ["dramatiq_queue_prefetch"] = str(PREFETCH)  # noqa: SIM112
    os.environ["dramatiq_restart_delay"] = "500"  # noqa: SIM112
    for module in ("dramatiq", "actors.runtime.worker", *(f"actors.{queue}" for queue in sorted(queues))):
        importlib.import_module(module)
    if threading.active_count() > 1:
        raise RuntimeError("an import started a thread: what is forked now would lack it")


def _born(queue: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
    from actors.runtime.worker import run

    code = 1
    try:
        code = run(queue, THREADS, PREFETCH)
    finally:
        os._exit(code)


def _replace_the_killed(workers: dict[int, str]) -> int:
    """Fork anew whoever was killed; return 1 if somebody ended otherwise."""
    for pid, status in _ended():
        queue = workers.pop(pid)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            print(f"the worker of {queue} ended with status {status}", file=sys.stderr)
            return 1
        workers[_born(queue)] = queue
    return 0


def _ended() -> list[tuple[int, int]]:
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not pid:
            return ended
        ended.append((pid, status))


def _end(workers: dict[int, str]) -> None:
    for pid in workers:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_SECONDS
    left = set(workers)
    while left and time.monotonic() < deadline:
        signal.sigtimedwait({signal.SIGCHLD}, 0.5)
        left -= {pid for pid, _ in _ended()}
    for pid in left:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
