"""`scripts/servers`: what it can be asked and what it prints."""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Sequence

from local_servers import credentials, fleet, places, reporting, variables
from local_servers.errors import ServerError
from local_servers.going_down import down
from local_servers.going_up import up
from local_servers.server import Server

DESCRIPTION = """\
The private servers of First Viscount on 127.0.0.1: RabbitMQ, PostgreSQL, Redis, MongoDB, a mail catcher, a Stripe-like
payment gateway, and the sandbox payment gateway and carrier. Data and logs are under .run/.
"""
EPILOG = """\
To use a server of your own, set its variable (`scripts/servers env` lists them) before `up`: that server is then only
asked whether it answers. All five PostgreSQL variables must be set for the private PostgreSQL not to be started.

FIRST_VISCOUNT_PORT_BASE   first port of the block, default 24000
FIRST_VISCOUNT_RUN_DIR     where data and logs are kept, default .run

exit code: 0 done; 1 something failed, or for `status`: something does not answer; 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        failures: list[ServerError] = options.run(options)
    except ServerError as problem:
        failures = [problem]
    except PermissionError as problem:
        failures = [ServerError(f"{problem.strerror}: {problem.filename}. It may have been made by another user.")]
    except KeyboardInterrupt:
        print("interrupted; `scripts/servers down` stops what was started", file=sys.stderr)
        return 130
    for failure in failures:
        print(f"servers: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="scripts/servers", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="up | down | status | env | reset")
    going_up = commands.add_parser("up", help="install what is missing, start what does not run, wait until all answer")
    going_down = commands.add_parser("down", help="stop what was started; data stays")
    status = commands.add_parser("status", help="show name, port, process, start and whether it answers")
    environment = commands.add_parser("env", help='print the addresses as export lines: eval "$(scripts/servers env)"')
    reset = commands.add_parser("reset", help="stop all and delete their data, logs and passwords")
    for command in (going_up, going_down):
        command.add_argument("--only", metavar="NAME,...", help="only these servers, for example postgres,redis")
    status.add_argument("--json", action="store_true", help="print a JSON array")
    going_up.set_defaults(run=_up)
    going_down.set_defaults(run=_down)
    status.set_defaults(run=_status)
    environment.set_defaults(run=_environment)
    reset.set_defaults(run=_reset)
    return parser


def _chosen(options: argparse.Namespace) -> tuple[Server, ...]:
    return fleet.named(options.only.split(",")) if options.only else fleet.everything()


def _up(options: argparse.Namespace) -> list[ServerError]:
    began = time.monotonic()
    servers = _chosen(options)
    with fleet.lock():
        failures = up(servers)
    if not failures:
        fleet.say("servers", f"all up ({time.monotonic() - began:.1f} s)")
    return failures


def _down(options: argparse.Namespace) -> list[ServerError]:
    with fleet.lock():
        return down(_chosen(options))


def _reset(options: argparse.Namespace) -> list[ServerError]:
    with fleet.lock():
        failures = down(fleet.everything())
        if not failures:
            fleet.delete_data()
            fleet.say("servers", f"data deleted from {places.run_directory()}")
    return failures


def _status(options: argparse.Namespace) -> list[ServerError]:
    found = reporting.rows(fleet.everything())
    print(json.dumps(reporting.as_json(found), indent=2) if options.json else reporting.as_table(found))
    silent = [row.name for row in found if not row.answers]
    return [ServerError(f"not answering: {', '.join(silent)}. `scripts/servers up` starts them.")] if silent else []


def _environment(options: argparse.Namespace) -> list[ServerError]:
    for name, value in variables.merged().items():
        print(f"export {name}={shlex.quote(value)}")
    theirs = variables.given().keys()
    stopped = [s.name for s in fleet.everything() if s.running() is None and not set(s.variables) <= theirs]
    if stopped:
        fleet.say("servers", f"not running: {', '.join(stopped)}; the passwords are in {credentials.path()}")
    return []
