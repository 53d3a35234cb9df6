"""Which dead letters a command is about, over all contexts' stores."""

import argparse
import dataclasses
from functools import partial
from typing import Any

from operations.commands import identity
from operations.masking import masked
from operations.printing import table
from operations.stores import CONTEXTS, from_each, named
from operations.times import before, span
from persistence.dead_letters import DeadLetters, Letter, Wanted

#: Heading -> field of a letter.
_COLUMNS = {
    "context": "context",
    "id": "id",
    "type": "message_type",
    "order": "correlation_id",
    "attempts": "attempts",
    "died": "died_at",
    "error": "error",
    "status": "status",
    "resolved by": "resolved_by",
    "note": "note",
}


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose letters."""
    parser.add_argument("--context", choices=CONTEXTS, help="only there")
    parser.add_argument("--type", metavar="T", help="message type, such as PlaceOrder or orders.PlaceOrder.v1")
    parser.add_argument("--error", metavar="TEXT", help="part of the error")
    parser.add_argument("--order", type=identity, metavar="ID", help="the order that it belongs to")
    parser.add_argument("--id", nargs="+", type=identity, default=[], metavar="ID", help="these messages")
    parser.add_argument("--older-than", type=span, metavar="SPAN", help="dead for longer than: 90s, 5m, 2h, 3d")


def any_filter(options: argparse.Namespace) -> bool:
    """Whether the command line chooses among letters."""
    named_ones = (options.context, options.type, options.error, options.order, options.id, options.older_than)
    return any(value not in (None, []) for value in named_ones)


def wanted(options: argparse.Namespace, status: str | None = "DEAD") -> Wanted:
    """What the filters on the command line ask for."""
    died_before = before(options.older_than)
    return Wanted(status, tuple(options.id), options.type, options.error, options.order, died_before)


def found(options: argparse.Namespace, what: Wanted, limit: int | None = None) -> tuple[list[Letter], list[str]]:
    """Return the letters of all contexts (or of the one that was named), oldest first, and who is away."""
    contexts = (options.context,) if options.context else CONTEXTS
    by_context, away = from_each({context: partial(_find, context, what, limit) for context in contexts})
    letters = [letter for listed in by_context.values() for letter in listed]
    return sorted(letters, key=lambda letter: letter.died_at), away


def summary(letter: Letter) -> dict[str, Any]:
    """A letter without its message and traceback, nothing personal in it."""
    fields = dataclasses.asdict(letter).items()
    shown: dict[str, Any] = masked({name: value for name, value in fields if name not in ("payload", "traceback")})
    return shown


def show_summaries(rows: list[dict[str, Any]]) -> None:
    """Print summaries as a table."""
    table([{heading: row[name] for heading, name in _COLUMNS.items()} for row in rows], list(_COLUMNS))


def _find(context: str, what: Wanted, limit: int | None) -> list[Letter]:
    with named(context):
        letters = DeadLetters(context)
        try:
            return letters.find(what, limit)
        finally:
            letters.close()
