"""`ops dead-letters`: messages that failed their last attempt; each is sent again or given up, once."""

import argparse
import dataclasses
from collections.abc import Mapping
from typing import Any

from operations import settling
from operations.commands import Commands, add, at_least_one, finish, group, identity
from operations.letter_filters import add_filters, found, show_summaries, summary, wanted
from operations.masking import masked
from operations.printing import fields, heading, json_document, say, text_block
from operations.stores import CONTEXTS
from persistence.dead_letters import Wanted

EPILOG = """\
A message id is one letter a context: an event that two contexts hear may be dead in both. Texts may be parts.

examples:
  scripts/ops dead-letters list --context orders --older-than 1h
  scripts/ops dead-letters show 0f8fad5b-d9cb-469f-a165-70867728950e
  scripts/ops dead-letters retry --type PlaceOrder --error KeyError --note "fixed in 1.4.2"
  scripts/ops dead-letters show ID --unmasked --json | jq '.dead_letters[0].payload.body' > body.json
  scripts/ops dead-letters retry --id ID --payload body.json --note "currency was missing"
  scripts/ops dead-letters discard --order 7c9e6679-7425-40de-944b-e07fc1f90ae7 --note "order placed by hand"
"""

STATUSES = ("DEAD", "RETRIED", "DISCARDED", "ANY")


def add_to(commands: Commands) -> None:
    """Add the commands."""
    own = group(commands, "dead-letters", "look at dead letters, send them again or give them up")
    listing = add(own, "list", run_list, "list dead letters, oldest first", EPILOG)
    add_filters(listing)
    listing.add_argument("--status", choices=STATUSES, default="DEAD", help="default: %(default)s")
    listing.add_argument("--limit", type=at_least_one, default=100, help="at most so many (default: %(default)s)")
    showing = add(own, "show", run_show, "show one letter with its message and traceback", EPILOG)
    showing.add_argument("id", type=identity, metavar="ID", help="the message's id")
    showing.add_argument("--context", choices=CONTEXTS, help="only there")
    showing.add_argument("--unmasked", action="store_true", help="show personal data as it is, to mend a message")
    settling.add_to(own, EPILOG)


def run_list(options: argparse.Namespace) -> int:
    """List what the filters want."""
    status = None if options.status == "ANY" else options.status
    letters, away = found(options, wanted(options, status), options.limit + 1)
    listed = [summary(letter) for letter in letters[: options.limit]]
    if not letters and not away:
        say("no such dead letter")
    document = {"dead_letters": listed, "more": len(letters) > options.limit}
    return finish(options, document, _show_list, away, done=bool(letters))


def run_show(options: argparse.Namespace) -> int:
    """Show one letter, in each context that has it."""
    letters, away = found(options, Wanted(status=None, ids=(options.id,)))
    if not letters and not away:
        say(f"there is no dead letter {options.id}")
    whole = [dataclasses.asdict(letter) for letter in letters]
    document = {"dead_letters": whole if options.unmasked else masked(whole)}
    return finish(options, document, _show_whole, away, done=bool(letters))


def _show_list(document: Mapping[str, Any]) -> None:
    show_summaries(document["dead_letters"])
    if document["more"]:
        print("... and more: --limit shows them")


def _show_whole(document: Mapping[str, Any]) -> None:
    for letter in document["dead_letters"]:
        heading(f"{letter['message_type']} in {letter['context']}")
        fields({name: value for name, value in letter.items() if name not in ("payload", "traceback")})
        heading("payload")
        text_block(json_document(letter["payload"]))
        heading("traceback")
        text_block(str(letter["traceback"]) or "none: it could not be decoded")
