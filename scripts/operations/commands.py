"""What all commands share on the command line, and how each ends."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from operations.errors import WrongUse
from operations.printing import json_document, say_all

DONE, NOT_DONE, CANNOT = 0, 1, 2

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Show = Callable[[Mapping[str, Any]], None]


def add(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], summary: str, epilog: str = ""
) -> argparse.ArgumentParser:
    """Add a command with `--json`; `summary` is its line in the list and its description."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)
    return parser


def group(commands: Commands, name: str, summary: str) -> Commands:
    """Add a command that has commands of its own."""
    parser = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    return parser.add_subparsers(title="commands", required=True, metavar="COMMAND")


def identity(text: str) -> UUID:
    """A UUID; raises `ArgumentTypeError`."""
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no id such as 0f8fad5b-d9cb-469f-a165-70867728950e") from None


def at_least_one(text: str) -> int:
    """A number above zero; raises `ArgumentTypeError`."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above zero")
    return int(text)


def finish(
    options: argparse.Namespace, document: Mapping[str, Any], show: Show, away: Sequence[str] = (), done: bool = True
) -> int:
    """Print what was found, then who was away; return the exit code."""
    if options.json:
        print(json_document({**document, "unavailable": list(away)}))
    else:
        show(document)
    say_all(away)
    return CANNOT if away else DONE if done else NOT_DONE


def confirmed(options: argparse.Namespace, question: str) -> bool:
    """Ask, unless `--yes` was said; raises `WrongUse` where there is nobody to ask."""
    if options.yes:
        return True
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        raise WrongUse("nobody answers here: say --yes, or ask for ids")
    return answer.strip().lower() in ("y", "yes")
