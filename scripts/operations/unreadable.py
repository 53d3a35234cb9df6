"""`ops xq`: bytes that no worker could decode, moved to a queue's `.XQ`, where they stay until somebody looks."""

import argparse
import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, NackError, UnroutableError

from operations import broker
from operations.commands import Commands, add, at_least_one, confirmed, finish, group
from operations.errors import WrongUse
from operations.masking import masked_json
from operations.printing import line, say, table

EPILOG = """\
QUEUE is a context's queue, with or without .XQ. A message is named by a key, the first digits of its bytes' SHA-256.
Listing takes messages for a moment and gives them back in their places. Requeueing publishes with a confirm, then
acknowledges: what no worker can decode comes back to .XQ.

examples:
  scripts/ops xq list orders
  scripts/ops xq requeue orders --key 5d41402abc4b
  scripts/ops xq discard orders --all --yes
"""

#: AMQP's reply code for a queue that does not exist.
NOT_FOUND = 404

#: Characters of a message that the table shows.
SHOWN_CHARACTERS = 100

#: What the table shows of bytes in which nothing personal can be found, and so nothing masked.
NO_JSON = "no JSON: --unmasked shows it"

#: Told by RabbitMQ about the way to `.XQ`; a message that is sent anew begins without them.
_DEATH_HEADERS = ("x-death", "x-first-death-exchange", "x-first-death-queue", "x-first-death-reason")

Taken = tuple[int, pika.BasicProperties, bytes]


def add_to(commands: Commands) -> None:
    """Add the commands."""
    own = group(commands, "xq", "look at bytes that are no message, send them again or throw them away")
    listing = add(own, "list", run_list, "show what lies in a queue's .XQ", EPILOG)
    listing.add_argument("--limit", type=at_least_one, default=50, help="at most so many (default: %(default)s)")
    requeue = add(own, "requeue", run_requeue, "publish messages to their queue again", EPILOG)
    discard = add(own, "discard", run_discard, "throw messages away for good, after printing them", EPILOG)
    for parser in (listing, requeue, discard):
        parser.add_argument("queue", metavar="QUEUE")
        parser.add_argument("--unmasked", action="store_true", help="show personal data (--json: in base64, too)")
    for parser in (requeue, discard):
        parser.add_argument("--key", nargs="+", default=[], metavar="KEY", help="these messages (`list` shows keys)")
        parser.add_argument("--all", action="store_true", help="all that are there now")
        parser.add_argument("--yes", action="store_true", help="do not ask")


def run_list(options: argparse.Namespace) -> int:
    """Show what is there."""
    with _opened(options.queue) as (channel, queue):
        messages = [_seen(taken, options.unmasked) for taken in _taken(channel, queue, options.limit)]
    return finish(options, {"queue": queue, "messages": messages}, _show, done=bool(messages))


def run_requeue(options: argparse.Namespace) -> int:
    """Publish the chosen messages to the queue that they came from."""
    return _settle(options, "requeue", "requeued", _publish_again)


def run_discard(options: argparse.Namespace) -> int:
    """Acknowledge the chosen messages, which deletes them."""
    return _settle(options, "discard", "discarded", lambda _channel, _queue, _taken: True)


def _settle(
    options: argparse.Namespace, verb: str, done: str, settle: Callable[[BlockingChannel, str, Taken], bool]
) -> int:
    """Do something with each chosen message, then acknowledge it; all others go back to their places."""
    if bool(options.key) is options.all:
        raise WrongUse("say which: --key KEY ... or --all")
    with _opened(options.queue) as (channel, xq):
        keys = [key for key in map(_key, _all_there_now(channel, xq)) if options.all or key in options.key]
    # Nothing is held while the operator thinks.
    settled: list[dict[str, Any]] = []
    if keys and (options.key or confirmed(options, f"{verb} {len(keys)} messages of {xq}?")):
        with _opened(options.queue) as (channel, xq):
            for taken in [one for one in _all_there_now(channel, xq) if _key(one) in keys]:
                seen = _seen(taken, options.unmasked)
                if settle(channel, xq.removesuffix(".XQ"), taken):
                    channel.basic_ack(taken[0])
                    settled.append(seen)
    say(f"{len(settled)} of {len(keys)} {done}" if keys else f"no such message in {xq}")
    return finish(options, {"queue": xq, done: settled}, _show, done=bool(settled) and len(settled) >= len(keys))


def _all_there_now(channel: BlockingChannel, queue: str) -> list[Taken]:
    """Take what waits, and not what comes while this runs: a worker may send it straight back."""
    return list(_taken(channel, queue, channel.queue_declare(queue, passive=True).method.message_count))


def _publish_again(channel: BlockingChannel, queue: str, taken: Taken) -> bool:
    _, properties, body = taken
    headers = {name: value for name, value in (properties.headers or {}).items() if name not in _DEATH_HEADERS}
    anew = pika.BasicProperties(message_id=properties.message_id, headers=headers, delivery_mode=2)
    try:
        channel.basic_publish("", queue, body, anew, mandatory=True)
    except (UnroutableError, NackError) as problem:
        say(f"RabbitMQ did not take {_key(taken)} for {queue}, it stays: {type(problem).__name__}")
        return False
    return True


@contextmanager
def _opened(name: str) -> Iterator[tuple[BlockingChannel, str]]:
    """A channel and the name of a queue's `.XQ`; one that does not exist is wrong use."""
    queue = f"{name.removesuffix('.XQ')}.XQ"
    try:
        with broker.channel() as channel:
            yield channel, queue
    except ChannelClosedByBroker as problem:
        if problem.reply_code == NOT_FOUND:
            raise WrongUse(f"there is no queue {queue} in the virtual host {broker.virtual_host()}") from problem
        raise


def _taken(channel: BlockingChannel, queue: str, limit: int) -> Iterator[Taken]:
    for _ in range(limit):
        method, properties, body = channel.basic_get(queue)
        if method is None or properties is None or body is None:
            return
        yield method.delivery_tag, properties, body


def _key(taken: Taken) -> str:
    return hashlib.sha256(taken[2]).hexdigest()[:12]


def _seen(taken: Taken, unmasked: bool) -> dict[str, Any]:
    _, properties, body = taken
    deaths = (properties.headers or {}).get("x-death") or [{}]
    seen = {
        "key": _key(taken),
        "message_id": properties.message_id,
        "rejected_at": deaths[0].get("time"),
        "bytes": len(body),
        "body": body.decode(errors="replace") if unmasked else masked_json(body),
    }
    return seen | {"body_base64": base64.b64encode(body).decode()} if unmasked else seen


def _show(document: Mapping[str, Any]) -> None:
    messages = document.get("messages") or document.get("requeued") or document.get("discarded") or []
    rows = [{**one, "body": line((one["body"] or NO_JSON)[:SHOWN_CHARACTERS])} for one in messages]
    table(rows, ("key", "rejected_at", "bytes", "body"))
