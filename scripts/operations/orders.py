"""`ops orders show`: all that the six stores know of one order, or what its events tell of a moment."""

import argparse
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from operations import order_facts
from operations.commands import Commands, add, finish, group, identity
from operations.masking import masked
from operations.order_history import as_of, merged
from operations.printing import fields, heading, say, table
from operations.stores import CONTEXTS, from_each
from operations.times import moment

EPILOG = """\
E-mail addresses, telephone numbers, names, streets and card tokens are masked.
With --as-of, order, payment and journey are what their events up to then tell, and the timeline ends there.

examples:
  scripts/ops orders show 7c9e6679-7425-40de-944b-e07fc1f90ae7
  scripts/ops orders show 7c9e6679-7425-40de-944b-e07fc1f90ae7 --as-of 2026-11-22T18:30:05.250
"""

_TABLES = {
    "lines": ("sku", "name", "product_id", "quantity", "unit_price", "total_price"),
    "payments": ("id", "status", "amount", "captured_amount", "refunded_amount", "currency", "card", "failure_code"),
    "reservations": ("product_id", "warehouse_id", "quantity", "status", "expires_at", "released_at", "shipped_at"),
    "shipments": ("id", "status", "carrier", "tracking_number", "estimated_delivery", "refusal_code", "attempts"),
    "mails": ("event_type", "channel", "address", "status", "attempts", "created_at", "sent_at", "last_error"),
    "dead_letters": ("context", "id", "message_type", "status", "attempts", "died_at", "error", "resolved_by"),
    "outbox": ("context", "type", "queue", "attempt", "available_at", "last_error"),
    "timeline": ("at", "context", "what", "detail"),
}


def add_to(commands: Commands) -> None:
    """Add the command."""
    own = group(commands, "orders", "look at orders")
    showing = add(own, "show", run, "show one order out of all stores, with one timeline", EPILOG)
    showing.add_argument("order_id", type=identity, metavar="ORDER_ID")
    showing.add_argument(
        "--as-of", type=moment, metavar="TIME", help="an ISO 8601 moment, UTC unless it says otherwise"
    )


def run(options: argparse.Namespace) -> int:
    """Show one order."""
    facts, away = gathered(options.order_id)
    found = any(facts.values())
    if not found and not away:
        say(f"no store knows an order {options.order_id}")
    timeline = merged(facts)
    if options.as_of is None:
        document = {**facts, "timeline": timeline}
    else:
        document = {
            "as_of": as_of(facts, options.as_of),
            "timeline": [one for one in timeline if one["at"] <= options.as_of],
        }
        found = bool(document["timeline"])
        if not found and not away:
            say(f"nothing is known of order {options.order_id} as of {options.as_of}")
    return finish(options, masked({"order_id": options.order_id, **document}), _show, away, done=found)


def gathered(order_id: UUID) -> tuple[dict[str, Any], list[str]]:
    """Return every store's facts about an order by kind, and who is away."""
    by_context, away = from_each({context: partial(order_facts.of, context, order_id) for context in CONTEXTS})
    facts: dict[str, Any] = {"order": None, "journey": None}
    for context in CONTEXTS:
        for kind, found in by_context.get(context, {}).items():
            facts[kind] = [*facts.get(kind, []), *found] if isinstance(found, list) else found
    return facts, away


def _show(document: Mapping[str, Any]) -> None:
    if document.get("as_of"):
        fields(document["as_of"])
    if document.get("order"):
        fields(document["order"])
    journey = document.get("journey")
    if journey:
        heading("journey")
        fields({name: value for name, value in journey.items() if name != "timeline" and "seconds" not in name})
    for kind, columns in _TABLES.items():
        table(document.get(kind, []), columns, kind.replace("_", " "))
