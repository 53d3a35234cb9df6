"""`scripts/ops`: what it can be asked, and how it ends."""

import argparse
import os
import sys
from collections.abc import Sequence

import local_servers
from local_servers.errors import ServerError
from operations import audit, dead_letters, discrepancies, orders, queues, reconcile, replay, sagas, stock, unreadable
from operations.commands import CANNOT, DONE
from operations.errors import ServerAway, WrongUse
from operations.printing import json_document, say

DESCRIPTION = """\
Looks into a running First Viscount and mends it: queues, dead letters, journeys, orders, stock.
"""
EPILOG = """\
Servers are found by their variables (`scripts/servers env` lists them); without them, the private servers are meant.
Tables on a terminal, plain columns into a pipe, one JSON document with --json. Personal data is masked.

examples:
  scripts/ops queues --watch 5
  scripts/ops dead-letters list --older-than 1h
  scripts/ops dead-letters retry --type SettleOrder --error Timeout --note "gateway is back"
  scripts/ops sagas list --older-than 5m
  scripts/ops orders show 7c9e6679-7425-40de-944b-e07fc1f90ae7
  scripts/ops stock show CD-00042 --as-of 2026-11-22T18:00
  scripts/ops reconcile --since 1h
  scripts/ops discrepancies list
  scripts/ops audit --since 1h

exit code: 0 done; 1 nothing found, or not all done; 2 wrong use, or a server is away
"""

#: Every module of these adds its commands.
MODULES = (queues, dead_letters, unreadable, sagas, orders, stock, audit, replay, discrepancies, reconcile)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        for name, value in local_servers.environment().items():
            os.environ.setdefault(name, value)
        code: int = options.run(options)
        sys.stdout.flush()
    except (WrongUse, ServerAway, ServerError) as problem:
        if options.json and isinstance(problem, ServerAway):
            print(json_document({"unavailable": [str(problem)]}))
        say(str(problem))
        return CANNOT
    except BrokenPipeError:
        # Whoever read (head, less) has seen enough; what is left must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="scripts/ops", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in MODULES:
        module.add_to(commands)
    return parser
