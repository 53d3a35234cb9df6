"""`scripts/drill`: what it can be asked, and the steps around a drill from top to bottom."""

import argparse
import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import psycopg
import pymongo.errors
import urllib3.exceptions
from pika.exceptions import AMQPError

import local_servers
from demonstration import setting_up
from demonstration.cdnow import DataError
from demonstration.loading import NotLoadedError
from demonstration.setting_up import SetUpError
from drilling import breaking, clocks
from drilling.kinds import TRAITS, Kind, possible
from drilling.run import Drill, Options
from drilling.site import NotThereError, StillThereError
from local_servers import places, variables
from local_servers.errors import ServerError
from operations.errors import ServerAway

DESCRIPTION = """\
Breaks everything while real purchases are ordered, and proves that nothing was lost: runs the Procfile on servers of
its own, offers orders at a steady rate, injects faults one after the other, lets the platform settle, and audits every
order.
"""
EPILOG = """\
kinds of fault:
{kinds}

The faults, their victims and their pauses are drawn from the seed alone: a seed repeats the same list. The drill has
servers of its own, with data and logs under .run/drill, ports from 24200 (FIRST_VISCOUNT_RUN_DIR and
FIRST_VISCOUNT_PORT_BASE move them). A server whose URL is set is used instead, and never broken.

exit code: 0 every fault was done, every order came to its end and nothing disagrees anywhere; 1 anything else;
           130 interrupted: everything that was started is stopped, run it again

examples:
  scripts/drill --faults 200 --seed 7 --json drill.json
  scripts/drill --minutes 5 --kinds kill_worker,crash_point,rabbitmq_restart
"""

#: Faults of a drill that names neither faults nor minutes.
DEFAULT_FAULTS = 50

#: Where a drill's own servers are, unless the caller says otherwise.
RUN_DIRECTORY, PORT_BASE = places.ROOT / ".run" / "drill", "24200"

FAULTS = (DataError, NotLoadedError, NotThereError, StillThereError, SetUpError, ServerError, ServerAway, OSError)
SERVER_FAULTS = (psycopg.Error, pymongo.errors.PyMongoError, AMQPError, urllib3.exceptions.HTTPError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a drill and return its exit code."""
    options = _options(arguments)
    os.environ.setdefault("FIRST_VISCOUNT_RUN_DIR", str(RUN_DIRECTORY))
    os.environ.setdefault("FIRST_VISCOUNT_PORT_BASE", PORT_BASE)
    code = 1
    try:
        given = variables.given()
        os.environ.update(local_servers.environment())
        code = asyncio.run(_interruptible(_with_what_is_possible(options, given)))
    except* asyncio.CancelledError:
        print("interrupted; everything that was started is stopped", file=sys.stderr)
        code = 130
    except* FAULTS as faults:
        print(*(f"drill: {fault}" for fault in _leaves(faults)), sep="\n", file=sys.stderr)
    except* SERVER_FAULTS as faults:
        told = (f"drill: a server failed: {type(fault).__name__}: {fault}" for fault in _leaves(faults))
        print(*told, sep="\n", file=sys.stderr)
    return code


def _leaves(group: BaseExceptionGroup[Exception]) -> Iterator[Exception]:
    """Yield the exceptions of a group, and of the groups in it."""
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            yield from _leaves(one)
        else:
            yield one


def _options(arguments: Sequence[str] | None) -> Options:
    raw = argparse.RawDescriptionHelpFormatter
    kinds = textwrap.fill(", ".join(Kind), 100, initial_indent="  ", subsequent_indent="  ")
    epilog = EPILOG.format(kinds=kinds)
    parser = argparse.ArgumentParser(prog="scripts/drill", description=DESCRIPTION, epilog=epilog, formatter_class=raw)
    parser.add_argument("--minutes", type=_above_0, metavar="M", help="stop injecting after M minutes")
    parser.add_argument(
        "--faults", type=int, metavar="N", help=f"stop after N faults (default: {DEFAULT_FAULTS} without --minutes)"
    )
    parser.add_argument("--seed", type=int, default=7, metavar="S", help="what chance is drawn from (default: 7)")
    parser.add_argument(
        "--orders-per-second", type=_above_0, default=15.0, metavar="R", help="the load (default: %(default)s)"
    )
    parser.add_argument("--kinds", type=_kinds, default=tuple(Kind), metavar="a,b,...", help="only these kinds")
    parser.add_argument("--no-cancellations", action="store_true", help="no customer cancels an order")
    parser.add_argument("--hurry", action="store_true", help="wait for no recovery before the next fault")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what came of it to FILE, as JSON")
    parser.add_argument("--keep", action="store_true", help="leave servers and processes running at the end")
    chosen = parser.parse_args(arguments)
    if chosen.faults is not None and chosen.faults < 1:
        parser.error("--faults: at least 1")
    if chosen.json and not chosen.json.resolve().parent.is_dir():
        parser.error(f"--json: there is no directory {chosen.json.resolve().parent}")
    return Options(
        chosen.faults or (None if chosen.minutes else DEFAULT_FAULTS),
        chosen.minutes,
        chosen.seed,
        chosen.orders_per_second,
        chosen.kinds,
        not chosen.no_cancellations,
        chosen.hurry,
        chosen.json,
        chosen.keep,
    )


def _above_0(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def _kinds(text: str) -> tuple[Kind, ...]:
    unknown = [name for name in text.split(",") if name not in list(Kind)]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; choose from {', '.join(Kind)}")
    return tuple(Kind(name) for name in text.split(","))


def _with_what_is_possible(options: Options, given: dict[str, str]) -> Options:
    """Return the options without the kinds that cannot be had here, after saying which; raises `SetUpError`."""
    reason = clocks.install() if Kind.CLOCK_SKEW in options.kinds else None
    if reason:
        print(f"note: {reason}", flush=True)
    kinds, left_out = possible(options.kinds, given, clocks=reason is None)
    for sentence in left_out:
        print(f"note: {sentence}", flush=True)
    if not kinds:
        raise SetUpError("no kind of fault is left")
    return replace(options, kinds=kinds)


async def _interruptible(options: Options) -> int:
    """Run; SIGINT and SIGTERM cancel the drill once, and then everything is stopped in order."""
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
    directory = places.run_directory() / "drilling"
    directory.mkdir(parents=True, exist_ok=True)
    print(f"seed {options.seed}; {len(options.kinds)} kinds of fault", flush=True)
    async with AsyncExitStack() as stack:
        with setting_up.step("servers"):
            await stack.enter_async_context(setting_up.servers_up(keep=options.keep))
        await asyncio.to_thread(_end_earlier_faults, options.kinds)
        drill = Drill(options, directory)
        try:
            return await drill.to_the_end()
        finally:
            drill.leave()


def _end_earlier_faults(kinds: Sequence[Kind]) -> None:
    """Let the sandboxes forget the faults of a drill that was killed."""
    for variable in {name for kind in kinds for name in TRAITS[kind].private} & {"PAYMENT_GATEWAY_URL", "CARRIER_URL"}:
        breaking.end_faults(variable)
