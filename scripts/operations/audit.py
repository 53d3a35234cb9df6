"""`ops audit`: whether all stores and providers tell the same of every order, on a system that is running."""

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from auditing import DEFAULT_SETTLE_SECONDS, audit
from operations.commands import DONE, NOT_DONE, Commands, add, finish, identity
from operations.errors import WrongUse
from operations.printing import say, table
from operations.times import span

EPILOG = f"""\
Looks at each order in all six stores, at the payment gateway, the carrier and the mail catcher. What seems wrong is
looked at again for a while (--settle): it is a violation if it is still there while nothing of its order moves. Orders
under way are only asked what must hold at every moment. All orders are looked at unless --since or --order is said;
only then are rows found that belong to no order.

examples:
  scripts/ops audit
  scripts/ops audit --since 2h --json
  scripts/ops audit --order 7c9e6679-7425-40de-944b-e07fc1f90ae7

exit code: 0 no violation; 1 violations; 2 wrong use, or a server is away
default of --settle: {DEFAULT_SETTLE_SECONDS:.0f}s; at least 10s, since RabbitMQ's figures may be so old
"""

#: Violations that are printed; `--json` has them all.
MOST_ROWS = 200

_COLUMNS = ("check", "order", "product", "warehouse", "says", "but")


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add(commands, "audit", run, "compare all stores and providers, order by order", EPILOG)
    parser.add_argument("--since", type=span, metavar="SPAN", help="only orders placed so lately: 90s, 5m, 2h, 3d")
    parser.add_argument("--order", type=identity, nargs="+", metavar="ID", help="only these orders")
    parser.add_argument("--settle", type=span, metavar="SPAN", help="how long what seems wrong may take to come right")


def run(options: argparse.Namespace) -> int:
    """Audit once."""
    if options.since is not None and options.order:
        raise WrongUse("--since and --order: choose one of them")
    settle = DEFAULT_SETTLE_SECONDS if options.settle is None else options.settle.total_seconds()
    progress = _show_progress if sys.stderr.isatty() else None
    report = audit(progress=progress, since=options.since, orders=options.order, settle_seconds=settle)
    if progress:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    finish(options, report.as_json(), _show)
    return NOT_DONE if report.violations else DONE


def _show(document: Mapping[str, Any]) -> None:
    found = document["violations"]
    rows = [
        {**one, "order": one["order_id"], "product": one.get("product_id"), "warehouse": one.get("warehouse_id")}
        for one in found[:MOST_ROWS]
    ]
    table(rows, _COLUMNS, "violations")
    if len(found) > MOST_ROWS:
        say(f"{len(found) - MOST_ROWS} more violations: --json has them all")
    for note in document["notes"]:
        print(f"note: {note}")
    print(f"{document['orders']} orders, {document['in_flight']} in flight, {len(found)} violations")


def _show_progress(text: str) -> None:
    print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
