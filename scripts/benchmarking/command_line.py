"""`scripts/bench`: what it can be asked."""

import argparse
import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

import psycopg
import pymongo.errors
import urllib3.exceptions
from pika.exceptions import AMQPError

import local_servers
from benchmarking import cpu_profile, flash_sale, front_door, growth, latency, sagas
from benchmarking.databases import NotPrivateError
from benchmarking.installing import NotInstalledError
from benchmarking.latency_figures import NothingMeasuredError
from benchmarking.options import Command
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
#: The sub-commands, a module each, as `--help` lists them.
MODULES: tuple[Command, ...] = (
    sagas,
    latency,
    flash_sale,
    growth,
    front_door,
    cpu_profile,
)


class BusyError(Exception):
    """Raised when a second benchmark is started beside a first; the text is a sentence."""


#: What ends a measurement with one sentence instead of a traceback.
FAULTS = (
    BusyError,
    *(DataError, NotLoadedError, SetUpError, ManagerEndedError, ServerError, ServerAway, OSError),
    *(NotPrivateError, NotInstalledError, PeerFailedError, PlatformFailedError, NothingMeasuredError),
)
SERVER_FAULTS = (psycopg.Error, pymongo.errors.PyMongoError, AMQPError, urllib3.exceptions.HTTPError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and return the exit code."""
    chosen = _parser().parse_args(arguments)
    chosen.check(chosen)
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
            return int(await chosen.measure(chosen))


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="scripts/bench", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in MODULES:
        module.add_to(commands)
    return parser
