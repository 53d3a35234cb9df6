"""`scripts/demo`: what it can be asked, and the steps of a run from top to bottom."""

import argparse
import asyncio
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
from demonstration import cdnow, setting_up
from demonstration.cdnow import DataError
from demonstration.loading import NotLoadedError
from demonstration.outcomes import RULE
from demonstration.processes import ManagerEndedError
from demonstration.run import Options, Run
from demonstration.setting_up import SetUpError
from local_servers import places
from local_servers.errors import ServerError
from operations.errors import ServerAway

DESCRIPTION = """\
Runs the main job on real input, from nothing: sets everything up, loads a catalogue, replays real purchases of the
CDNOW data (a CD shop, 1997 and 1998) as orders over HTTP against the running Procfile, and checks every store.
"""
EPILOG = f"""\
The rule: {RULE}.

Servers are private ones that `scripts/servers up` starts, unless URLs of your own are set (`scripts/servers env` lists
them). What the demo started, it stops: the processes always, the servers unless they were up before; --keep leaves all.

exit code: 0 every order is final, each as expected, and the money is right to the cent; 1 anything else;
           130 interrupted: everything that was started is stopped, run it again
"""

FAULTS = (DataError, NotLoadedError, SetUpError, ManagerEndedError, ServerError, ServerAway, OSError)
SERVER_FAULTS = (psycopg.Error, pymongo.errors.PyMongoError, AMQPError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit code."""
    options = _options(arguments)
    os.environ.update(local_servers.environment())
    try:
        return asyncio.run(_interruptible(options))
    except asyncio.CancelledError:
        print("interrupted; everything that was started is stopped", file=sys.stderr)
        return 130
    except FAULTS as fault:
        print(f"demo: {fault}", file=sys.stderr)
    except SERVER_FAULTS as fault:
        print(f"demo: a server failed: {type(fault).__name__}: {fault}", file=sys.stderr)
    return 1


def _options(arguments: Sequence[str] | None) -> Options:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="scripts/demo", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw)
    parser.add_argument(
        "--orders", type=_count, default=1000, metavar="N", help="the first N purchases, 1 to 69659 (default: 1000)"
    )
    parser.add_argument(
        "--customers", type=_count, default=64, metavar="C", help="customers who order at once (default: 64)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what came of it to FILE, as JSON")
    parser.add_argument("--keep", action="store_true", help="leave servers and processes running at the end")
    chosen = parser.parse_args(arguments)
    if chosen.orders > cdnow.PURCHASES:
        parser.error(f"--orders: there are {cdnow.PURCHASES} purchases")
    if chosen.json and not chosen.json.resolve().parent.is_dir():
        parser.error(f"--json: there is no directory {chosen.json.resolve().parent}")
    return Options(chosen.orders, chosen.customers, chosen.json, chosen.keep)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


async def _interruptible(options: Options) -> int:
    """Run; SIGINT and SIGTERM cancel the run once, and then everything is stopped in order."""
    main_task = asyncio.ensure_future(_run(options))
    signalled = False

    def interrupt() -> None:
        nonlocal signalled
        if not signalled:
            signalled = True
            print("\nstopping what was started ...", file=sys.stderr, flush=True)
            main_task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupt)
    return await main_task


async def _run(options: Options) -> int:
    directory = places.run_directory() / "demo"
    directory.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        with setting_up.step("servers"):
            await stack.enter_async_context(setting_up.servers_up(keep=options.keep))
        run = Run(options, directory)
        try:
            return await run.to_the_end()
        finally:
            run.leave()
