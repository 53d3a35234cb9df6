"""`ops reconcile`: compare payments and shipments with the gateway's and the carrier's records, now."""

import argparse
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pika
from pika.exceptions import NackError, UnroutableError

from contexts.delivery.messages import ReconcileShipments
from contexts.messages import Envelope, first_cause
from contexts.orders.messages import ReconcilePayments
from contexts.reconciliation import RECONCILE_LAG, Reconcile
from contexts.subscriptions import actor_address
from operations.broker import channel
from operations.commands import Commands, add, finish
from operations.errors import ServerAway
from operations.printing import say, table
from operations.stores import reading
from operations.times import before, span

EPILOG = """\
The window ends --lag ago: what is younger may be on its way. Where a party's list knows no time, all of it is read.
What is found is in `scripts/ops discrepancies list`; here, what of it is new is counted.

examples:
  scripts/ops reconcile
  scripts/ops reconcile --since 2d --wait 30m

exit code: 0 both done; 1 not both done in time, or the other party did not answer; 2 wrong use, or a server is away
"""

_LOOK = """
    SELECT since, until, ours, theirs, discovered, mended, error, finished_at FROM reconciliations WHERE id = %s
"""
_COLUMNS = ("what", "since", "until", "ours", "theirs", "discovered", "mended", "finished_at", "error")
_LOOKS = {"payments": ("orders", ReconcilePayments), "shipments": ("delivery", ReconcileShipments)}

#: Seconds between two glances at what came of it.
_GLANCE = 0.25


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add(commands, "reconcile", run, "compare payments and shipments with the other party's records", EPILOG)
    parser.add_argument("--since", type=span, default=timedelta(hours=1), metavar="SPAN", help="default: 1h")
    parser.add_argument("--lag", type=span, default=RECONCILE_LAG, metavar="SPAN", help="default: 5m")
    parser.add_argument(
        "--wait", type=span, default=timedelta(minutes=5), metavar="SPAN", help="wait at most so long (default: 5m)"
    )


def run(options: argparse.Namespace) -> int:
    """Send both commands and wait for what comes of them."""
    since, until = before(options.since + options.lag), before(options.lag)
    run_ids = {what: uuid4() for what in _LOOKS}
    for what, (_, message) in _LOOKS.items():
        _send(message(run_id=run_ids[what], since=since, until=until))
    deadline = time.monotonic() + options.wait.total_seconds()
    looks = _glance(run_ids)
    while not all(look["finished_at"] for look in looks) and time.monotonic() < deadline:
        time.sleep(_GLANCE)
        looks = _glance(run_ids)
    if not all(look["finished_at"] for look in looks):
        say("not done yet: the looks go on, `discrepancies list` will show what they find")
    done = all(look["finished_at"] and look["error"] is None for look in looks)
    return finish(options, {"looks": looks}, _show, done=done)


def _send(command: Reconcile) -> None:
    destination = actor_address(command.context, type(command))
    stamped = first_cause(uuid4(), command, command.run_id)
    body = Envelope(destination, (stamped.to_json(),)).to_wire(uuid4(), datetime.now(UTC))
    properties = pika.BasicProperties(delivery_mode=2, timestamp=int(time.time()), headers={"messages": 1})
    with channel() as opened:
        try:
            opened.basic_publish("", destination.queue, body, properties, mandatory=True)
        except (NackError, UnroutableError) as problem:
            refusal = f"RabbitMQ did not take a message for {destination.queue}: was its worker ever started?"
            raise ServerAway(refusal) from problem


def _glance(run_ids: Mapping[str, UUID]) -> list[dict[str, Any]]:
    looks = []
    for what, (context, _) in _LOOKS.items():
        with reading(context) as connection:
            row = connection.execute(_LOOK, (run_ids[what],)).fetchone()
        looks.append({"what": what, **(row or dict.fromkeys(_COLUMNS[1:]))})
    return looks


def _show(document: Mapping[str, Any]) -> None:
    table(document["looks"], _COLUMNS)
