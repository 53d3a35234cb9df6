"""`scripts/bench`: what it can be asked."""

import argparse
import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pymongo.errors
from pika.exceptions import AMQPError

import local_servers
from benchmarking import sagas
from benchmarking.databases import NotPrivateError
from benchmarking.installing import NotInstalledError
from benchmarking.peers.every import PEERS
from benchmarking.peers.running import PeerFailedError
from benchmarking.platform import PlatformFailedError
from demonstration import setting_up
from demonstration.cdnow import DataError
from demonstration.loading import NotLoadedError
from demonstration.processes import ManagerEndedError
from demonstration.setting_up import SetUpError
from local_servers import places
from local_servers.errors import ServerError
from operations.errors import ServerAway

DESCRIPTION = "Measures how fast the platform is, on private servers of its own, beside others that do the same work."
EPILOG = """\
Servers that do not run are started, and stopped again at the end. FIRST_VISCOUNT_RUN_DIR and FIRST_VISCOUNT_PORT_BASE
choose other ones than those of `scripts/demo`.

exit code: 0 measured, and the auditor found nothing wrong; 1 anything else; 130 interrupted
"""
SAGAS = """\
Complete orders a second: real purchases of one line, from the first POST to the last journey COMPLETED, through the
Procfile's processes with all guarantees on. Then each peer does the same orders' business writes into databases of its
own on the same PostgreSQL. In each round all take their turn.

The peers have it easier: their orders are started in-process and not over HTTP, they ask neither a card network nor a
carrier, and they send no mails and keep no read models.
"""


class BusyError(Exception):
    """Raised when a second benchmark is started beside a first; the text is a sentence."""


FAULTS = (
    BusyError,
    *(DataError, NotLoadedError, SetUpError, ManagerEndedError, ServerError, ServerAway, OSError),
    *(NotPrivateError, NotInstalledError, PeerFailedError, PlatformFailedError),
)
SERVER_FAULTS = (psycopg.Error, pymongo.errors.PyMongoError, AMQPError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and return the exit code."""
    chosen = _parser().parse_args(arguments)
    os.environ.update(local_servers.environment())
    try:
        return asyncio.run(_interruptible(chosen))
    except asyncio.CancelledError:
        print("interrupted; everything that was started is stopped", file=sys.stderr)
        return 130
    except FAULTS as fault:
        print(f"bench: {fault}", file=sys.stderr)
    except SERVER_FAULTS as fault:
        print(f"bench: a server failed: {type(fault).__name__}: {fault}", file=sys.stderr)
    return 1


async def _interruptible(chosen: argparse.Namespace) -> int:
    """Measure; SIGINT and SIGTERM end it once, and then everything is stopped in order."""
    measuring = asyncio.ensure_future(_measure(chosen))
    signalled = False

    def interrupt() -> None:
        nonlocal signalled
        if not signalled:
            signalled = True
            measuring.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupt)
    return await measuring


async def _measure(chosen: argparse.Namespace) -> int:
    with (places.directory("bench") / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError("another scripts/bench measures on these servers") from None
        async with AsyncExitStack() as stack:
            with setting_up.step("servers"):
                await stack.enter_async_context(setting_up.servers_up(keep=chosen.keep))
            peers = [PEERS[name] for name in chosen.peers]
            options = sagas.Options(chosen.orders, chosen.rounds, peers, chosen.connections, chosen.json, chosen.charts)
            return await sagas.compare(options)


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="scripts/bench", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw)
    commands = parser.add_subparsers(title="commands", required=True, metavar="sagas")
    command = commands.add_parser(
        "sagas", help="complete orders a second, beside peers", description=SAGAS, formatter_class=raw
    )
    command.add_argument("--orders", type=_count, default=2000, metavar="N", help="orders a round (default: 2000)")
    command.add_argument(
        "--peers", type=_peers, default=[], metavar="P,...", help=f"of {','.join(PEERS)} (default: none)"
    )
    command.add_argument("--rounds", type=_count, default=3, metavar="R", help="rounds (default: 3)")
    command.add_argument(
        "--connections", type=_count, default=128, metavar="C", help="connections that post orders (default: 128)"
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE, as JSON")
    command.add_argument("--charts", action="store_true", help="draw docs/benchmarks/sagas.png")
    command.add_argument("--keep", action="store_true", help="leave the servers running at the end")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _peers(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in PEERS:
            raise argparse.ArgumentTypeError(f"there is no peer {name!r}; choose from {', '.join(PEERS)}")
    return names
