"""`ops discrepancies`: where our payments and shipments differ from the gateway's and the carrier's records."""

import argparse
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from psycopg.sql import SQL, Identifier

from contexts.reconciliation import Kind
from operations.commands import Commands, add, at_least_one, finish, group
from operations.printing import say, table
from operations.stores import from_each, reading
from operations.times import seconds_between, spoken

EPILOG = """\
One row a payment or shipment and kind. MISSING_THERE: the other party does not know it. MISSING_HERE: we do not.
DIFFERENT_AMOUNT, DIFFERENT_STATE: as said. OTHER_TRANSACTION, OTHER_LABEL: there is another one there, with money or
alive. UNFINISHED: we wait for an answer for longer than the lag. What a later look finds gone is resolved by itself.

examples:
  scripts/ops discrepancies list
  scripts/ops discrepancies list --kind MISSING_HERE --json
  scripts/ops reconcile --since 1h

exit code: 0; 1 there is none; 2 wrong use, or a server is away
"""

#: Context -> what its discrepancies are about.
SUBJECTS = {"orders": "payment", "delivery": "shipment"}

_DISCREPANCIES = SQL(
    """
    SELECT {name} AS subject, {identity} AS id, order_id, kind, ours, theirs, first_seen, last_seen, resolved_at
    FROM {table}
    WHERE (%(all)s OR resolved_at IS NULL) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    ORDER BY first_seen, id LIMIT %(limit)s
    """
)
_COLUMNS = ("what", "order_id", "kind", "open for", "last_seen", "resolved_at", "ours", "theirs")


def add_to(commands: Commands) -> None:
    """Add the command."""
    own = group(commands, "discrepancies", "look at differences from the gateway's and the carrier's records")
    listing = add(own, "list", run, "list open discrepancies, the oldest first", EPILOG)
    listing.add_argument("--all", action="store_true", help="resolved ones too")
    listing.add_argument("--kind", choices=[kind.value for kind in Kind], metavar="K", help=", ".join(Kind))
    listing.add_argument("--limit", type=at_least_one, default=100, help="at most so many (default: %(default)s)")


def run(options: argparse.Namespace) -> int:
    """List discrepancies."""
    found, away = from_each({context: partial(_in, context, options) for context in SUBJECTS})
    rows = sorted((row for some in found.values() for row in some), key=lambda row: row["first_seen"])
    if not rows and not away:
        say("no such discrepancy")
    listed = rows[: options.limit]
    counts = dict(Counter(f"{row['subject']} {row['kind']}" for row in listed))
    document = {"discrepancies": listed, "counts": counts, "more": len(rows) > options.limit}
    return finish(options, document, _show, away, done=bool(rows))


def _in(context: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    subject = SUBJECTS[context]
    query = _DISCREPANCIES.format(
        name=subject, identity=Identifier(f"{subject}_id"), table=Identifier(f"{subject}_discrepancies")
    )
    asked = {"all": options.all, "kind": options.kind, "limit": options.limit + 1}
    with reading(context) as connection:
        return connection.execute(query, asked).fetchall()


def _show(document: Mapping[str, Any]) -> None:
    now = datetime.now(UTC)
    rows = [
        {
            **row,
            "what": row["subject"],
            "open for": spoken(seconds_between(row["first_seen"], row["resolved_at"] or now)),
        }
        for row in document["discrepancies"]
    ]
    table(rows, _COLUMNS)
    if document["more"]:
        print("... and more: --limit shows them")
