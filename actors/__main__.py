"""`python -m actors QUEUE`: a worker process for one context's queues, or for the payments'."""

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

from actors.runtime.meeting import LARGEST_BATCH
from actors.runtime.worker import run
from contexts.subscriptions import QUEUES


def main() -> int:
    """Read the command line and work until told to stop."""
    parser = argparse.ArgumentParser(
        prog="python -m actors", description="Work for one context's queues until SIGTERM."
    )
    parser.add_argument("queue", choices=QUEUES, metavar="QUEUE", help="one of %(choices)s")
    parser.add_argument("--threads", type=_at_least_one, default=16, help="worker threads (default: %(default)s)")
    parser.add_argument(
        "--prefetch", type=_at_least_one, default=64, help="unacknowledged envelopes a queue (default: %(default)s)"
    )
    parser.add_argument(
        "--batch",
        type=_at_least_one,
        default=LARGEST_BATCH,
        help="messages in one transaction, at most (default: %(default)s); a kill repeats up to three batches outside",
    )
    parser.add_argument(
        "--nice",
        type=int,
        choices=range(20),
        default=0,
        metavar="0..19",
        help="how far this process stands back where the processors are busy (default: %(default)s, not at all)",
    )
    arguments = parser.parse_args()
    _stand_back(arguments.nice)
    return run(arguments.queue, arguments.threads, arguments.prefetch, arguments.batch)


def _stand_back(nice: int) -> None:
    """Lower this process's priority; also its session's, by which Linux weighs sessions against each other."""
    os.nice(nice)
    if nice and os.getsid(0) == os.getpid():
        # Not everywhere, nor always at the first try: at its usual priority a process works all the same.
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(nice))


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
