"""`ops dead-letters retry | discard`: what is asked for is shown and confirmed, then settled, each letter once."""

import argparse
import getpass
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from operations.commands import Commands, add, confirmed, finish
from operations.errors import ServerAway, WrongUse
from operations.letter_filters import add_filters, any_filter, found, summary, wanted
from operations.masking import MASK
from operations.printing import json_document, say, table
from operations.stores import named
from persistence.dead_letters import DeadLetters, Letter, Resolution, Settled

#: Letters of one context that are settled in one transaction.
AT_ONCE = 100

Settle = Callable[[DeadLetters, Sequence[UUID]], Settled]


def add_to(commands: Commands, epilog: str) -> None:
    """Add both commands."""
    retry = add(commands, "retry", run_retry, "send dead letters' messages to their actors again", epilog)
    retry.add_argument("--payload", type=Path, metavar="FILE", help="a mended body (JSON), or a whole message")
    discard = add(commands, "discard", run_discard, "give dead letters up; needs --note", epilog)
    for parser in (retry, discard):
        add_filters(parser)
        parser.add_argument("--all", action="store_true", help="every dead letter, where no filter is given")
        parser.add_argument("--yes", action="store_true", help="do not ask (ids given by --id are never asked about)")
        parser.add_argument("--by", metavar="NAME", default=_operator(), help="who does it (default: %(default)s)")
        parser.add_argument("--note", metavar="TEXT", help="why")


def _operator() -> str:
    return os.environ.get("USER") or getpass.getuser()


def run_retry(options: argparse.Namespace) -> int:
    """Send messages again."""
    mended = None if options.payload is None else _mended(options)
    resolution = Resolution(options.by, options.note)
    return _settle_chosen(options, "retry", "retried", lambda letters, ids: letters.retry(ids, resolution, mended))


def run_discard(options: argparse.Namespace) -> int:
    """Give messages up."""
    if not (options.note or "").strip():
        raise WrongUse("discarding needs a reason: --note TEXT")
    resolution = Resolution(options.by, options.note)
    return _settle_chosen(options, "discard", "discarded", lambda letters, ids: letters.discard(ids, resolution))


def _settle_chosen(options: argparse.Namespace, verb: str, done: str, settle: Settle) -> int:
    if any_filter(options) is options.all:
        raise WrongUse("say which: --id, --context, --type, --error, --order, --older-than; or --all alone")
    letters, away = found(options, wanted(options))
    results: list[dict[str, Any]] = []
    if letters and (options.id or _agreed(options, verb, letters)):
        results, failed = _settle_by_context(letters, done, settle)
        away = list(dict.fromkeys([*away, *failed]))
    settled = [one for one in results if one["result"] == done]
    say(f"{len(settled)} of {len(letters)} {done}" if letters else "no such letter is dead")
    missing = set(options.id) - {letter.id for letter in letters}
    document = {"results": results, "done": len(settled)}
    everything = bool(settled) and len(settled) == len(letters) and not missing
    return finish(options, document, lambda shown: _show(shown, done), away, done=everything)


def _agreed(options: argparse.Namespace, verb: str, letters: Sequence[Letter]) -> bool:
    """Show what will be done and ask."""
    kinds = Counter((one.context, one.message_type, summary(one)["error"]) for one in letters)
    for (context, kind, error), count in kinds.most_common():
        say(f"{count} x {kind} in {context}: {error}")
    return confirmed(options, f"{verb} {len(letters)} dead letters?")


def _settle_by_context(letters: Sequence[Letter], done: str, settle: Settle) -> tuple[list[dict[str, Any]], list[str]]:
    """Settle, a transaction for so many; return each letter's result, and who is away."""
    results, away = [], []
    for context in dict.fromkeys(letter.context for letter in letters):
        own = [letter for letter in letters if letter.context == context]
        try:
            results += _settle_in(context, own, done, settle)
        except ServerAway as problem:
            away.append(str(problem))
    return results, away


def _settle_in(context: str, letters: Sequence[Letter], done: str, settle: Settle) -> list[dict[str, Any]]:
    results = []
    with named(context):
        store = DeadLetters(context)
        try:
            for start in range(0, len(letters), AT_ONCE):
                part = letters[start : start + AT_ONCE]
                settled = settle(store, [letter.id for letter in part])
                results += [_result(letter, settled, done) for letter in part]
        finally:
            store.close()
    return results


def _result(letter: Letter, settled: Settled, done: str) -> dict[str, Any]:
    named_fields = {"context": letter.context, "id": letter.id, "type": letter.message_type}
    if letter.id in settled.done:
        return {**named_fields, "result": done, "reason": None}
    if letter.id in settled.refused:
        return {**named_fields, "result": "refused", "reason": settled.refused[letter.id]}
    return {**named_fields, "result": "too late", "reason": "it was not dead any more"}


def _mended(options: argparse.Namespace) -> dict[str, Any]:
    """Read the file that is to replace the body of the one letter that --id names."""
    if len(options.id) != 1:
        raise WrongUse("--payload mends one message: name it by --id")
    try:
        fields = orjson.loads(options.payload.read_bytes())
    except OSError as problem:
        raise WrongUse(f"{options.payload} cannot be read: {problem.strerror}") from problem
    except orjson.JSONDecodeError as problem:
        raise WrongUse(f"{options.payload} is not JSON: {problem}") from problem
    if not isinstance(fields, dict):
        raise WrongUse(f"{options.payload} is not a JSON object")
    if MASK in json_document(fields):
        raise WrongUse(f"{options.payload} holds masked values ({MASK}): take it from `show --unmasked --json`")
    return fields


def _show(document: Mapping[str, Any], done: str) -> None:
    table([one for one in document["results"] if one["result"] != done], ("context", "id", "type", "result", "reason"))
