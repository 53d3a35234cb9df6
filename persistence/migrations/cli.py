"""What `scripts/migrate` does: a line a context as it goes, or one JSON document at the end."""

import argparse
import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from alembic.util import CommandError
from pymongo.errors import PyMongoError
from sqlalchemy.exc import DBAPIError

from persistence import migrations
from persistence.databases import POSTGRESQL_CONTEXTS, DatabaseUrlError, address, engine, url_variable
from persistence.migrations.drift import differences


class StoreError(Exception):
    """Raised when a server cannot be reached or refuses; the text is a sentence for the person at the terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 if the stores are not as they should be, or 2 if that could not be found out."""
    options = _parser().parse_args(arguments)
    say: Callable[[str], None] = _nothing if options.json else _line
    try:
        report, code = _COMMANDS[options.command](options.context or migrations.CONTEXTS, say)
    except (DatabaseUrlError, StoreError) as problem:
        print(f"migrate: {problem}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(report, indent=2))
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="migrate", description="Bring all stores to their newest form.")
    parser.add_argument("command", nargs="?", default="up", choices=_COMMANDS, help="what to do (default: up)")
    parser.add_argument("--context", action="append", choices=migrations.CONTEXTS, help="only this; may be repeated")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
    return parser


def _up(contexts: Sequence[str], say: Callable[[str], None]) -> tuple[Mapping[str, Any], int]:
    """Upgrade each context."""
    done = []
    for context in contexts:
        with _plain_errors(context):
            migrated = migrations.upgrade(context)
        say(f"{context:14} {_what_happened(migrated)} ({migrated.seconds:.2f} s)")
        done.append(dataclasses.asdict(migrated))
    return {"migrated": done}, 0


def _what_happened(migrated: migrations.Migrated) -> str:
    if migrated.context == "notifications":
        return "collections are as declared"
    if migrated.before == migrated.after:
        return f"is at {migrated.after}, nothing to do"
    return f"{migrated.before or 'empty'} -> {migrated.after}"


def _status(contexts: Sequence[str], say: Callable[[str], None]) -> tuple[Mapping[str, Any], int]:
    """Tell each database's revision and the newest; MongoDB has none."""
    found = []
    for context in contexts:
        if context not in POSTGRESQL_CONTEXTS:
            continue
        revision, newest = _revision(context), migrations.head(context)
        say(f"{context:14} is at {revision or 'nothing'}, newest is {newest}")
        found.append({"context": context, "revision": revision, "newest": newest})
    return {"status": found}, int(any(one["revision"] != one["newest"] for one in found))


def _revision(context: str) -> str | None:
    """The revision a context's database is at."""
    pool = engine(context, pool_size=1)
    try:
        with _plain_errors(context), pool.connect() as connection:
            return migrations.current(connection)
    finally:
        pool.dispose()


def _check(contexts: Sequence[str], say: Callable[[str], None]) -> tuple[Mapping[str, Any], int]:
    """Compare stores and models."""
    found: dict[str, list[str]] = {}
    for context in contexts:
        with _plain_errors(context):
            found[context] = differences(context)
        say(f"{context:14} {'is as the models say' if not found[context] else 'differs:'}")
        for difference in found[context]:
            say(f"    {difference}")
    return {"differences": found}, int(any(found.values()))


def _sql(contexts: Sequence[str], say: Callable[[str], None]) -> tuple[Mapping[str, Any], int]:
    """Print the histories as SQL."""
    found = {context: migrations.upgrade_sql(context) for context in contexts if context in POSTGRESQL_CONTEXTS}
    for context, statements in found.items():
        say(f"-- {context}\n{statements}")
    return {"sql": found}, 0


_COMMANDS: Mapping[str, Callable[[Sequence[str], Callable[[str], None]], tuple[Mapping[str, Any], int]]] = {
    "up": _up,
    "status": _status,
    "check": _check,
    "sql": _sql,
}


@contextlib.contextmanager
def _plain_errors(context: str) -> Iterator[None]:
    """Turn what a driver raises into one sentence that names the variable and the server, never the password."""
    try:
        yield
    except DBAPIError as problem:
        raise StoreError(_sentence(context, problem.orig or problem)) from problem
    except (PyMongoError, CommandError) as problem:
        raise StoreError(_sentence(context, problem)) from problem


def _sentence(context: str, problem: BaseException) -> str:
    reason = next(iter(str(problem).strip().splitlines()), type(problem).__name__)
    return f"{context} at {address(context)} (from {url_variable(context)}) cannot be used: {reason}"


def _line(text: str) -> None:
    print(text, flush=True)


def _nothing(_: str) -> None:
    """Say nothing: the report comes as JSON."""
