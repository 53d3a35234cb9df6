"""`python -m actors QUEUE`: a worker process for one context's queues, or for the payments'."""

import argparse
import sys

from actors.runtime.worker import run
from contexts.subscriptions import QUEUES


def main() -> int:
    """Read the command line and work until told to stop."""
    parser = argparse.ArgumentParser(
        prog="python -m actors", description="Work for one context's queues until SIGTERM."
    )
    parser.add_argument("queue", choices=QUEUES, metavar="QUEUE", help="one of %(choices)s")
    parser.add_argument("--threads", type=int, default=16, help="worker threads (default: %(default)s)")
    parser.add_argument(
        "--prefetch", type=int, default=64, help="unacknowledged envelopes a queue (default: %(default)s)"
    )
    arguments = parser.parse_args()
    return run(arguments.queue, arguments.threads, arguments.prefetch)


if __name__ == "__main__":
    sys.exit(main())
