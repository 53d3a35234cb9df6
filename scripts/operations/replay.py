"""`ops replay`: orders and payments rebuilt from their events, levels from the ledger, and compared with the rows."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from auditing.facts import FactsByOrder, OrderFacts
from auditing.levels import LevelFact, disagreeing
from auditing.rebuilding import differences
from auditing.slices import FIRST, Slice, above
from auditing.stores import Databases, looking_into, of_orders
from operations.commands import Commands, add, finish, group, identity
from operations.printing import say, table

EPILOG = """\
Nothing is written: it is told where the rows are not what the history makes of them, difference by difference.

examples:
  scripts/ops replay orders
  scripts/ops replay orders 7c9e6679-7425-40de-944b-e07fc1f90ae7 --json
  scripts/ops replay stock

exit code: 0 the rows are what the history tells; 1 differences, or an id that nobody knows; 2 a server is away
"""

#: Orders that are rebuilt in one go.
AT_ONCE = 2_000

_ORDERS = b"SELECT id FROM orders WHERE id >= %(first)s ORDER BY id LIMIT %(rows)s"
_PRODUCTS = b"""
    SELECT product_id FROM inventory WHERE product_id = ANY(%(ids)s)
    UNION SELECT product_id FROM inventory_movements WHERE product_id = ANY(%(ids)s)
"""
_COUNT = b"SELECT count(*) FROM inventory WHERE %(ids)s::uuid[] IS NULL OR product_id = ANY(%(ids)s)"

_ORDER_COLUMNS = ("order_id", "of", "field", "row", "events")
_STOCK_COLUMNS = ("product_id", "warehouse_id", "field", "row", "ledger")


def add_to(commands: Commands) -> None:
    """Add the commands."""
    own = group(commands, "replay", "rebuild rows from their history and compare them")
    orders = add(own, "orders", run_orders, "rebuild orders and payments from their events", EPILOG)
    orders.add_argument("ids", nargs="*", type=identity, metavar="ORDER_ID", help="only these (default: all)")
    stock = add(own, "stock", run_stock, "rebuild stock levels from the ledger of movements", EPILOG)
    stock.add_argument("ids", nargs="*", type=identity, metavar="PRODUCT_ID", help="only these (default: all)")


def run_orders(options: argparse.Namespace) -> int:
    """Rebuild orders and payments."""
    count, found, known = 0, [], set[UUID]()
    with looking_into("orders") as stores:
        for facts in _each_order(stores, options.ids):
            count += 1
            known.update({facts.order_id} & set(options.ids))
            found += _of_order(facts)
    document = {"orders": count, "differences": found, "unknown": _unknown("order", options.ids, known)}
    return _finish(options, document, _ORDER_COLUMNS, f"{count} orders")


def run_stock(options: argparse.Namespace) -> int:
    """Rebuild stock levels."""
    ids = list(options.ids) or None
    with looking_into("inventory") as stores:
        found = [row for level in disagreeing(stores, ids) for row in _of_level(level)]
        ((count,),) = stores.rows("inventory", _COUNT, {"ids": ids})
        known = {one for (one,) in stores.rows("inventory", _PRODUCTS, {"ids": ids})} if ids else set()
    document = {"levels": count, "differences": found, "unknown": _unknown("product", options.ids, known)}
    return _finish(options, document, _STOCK_COLUMNS, f"{count} levels")


def _each_order(stores: Databases, ids: Sequence[UUID]) -> Iterator[OrderFacts]:
    """Yield the orders that exist, all or those named, with their payments and events."""
    for part in _slices(stores, ids):
        stores.renew()
        found = FactsByOrder()
        of_orders(stores, part, found)
        yield from found.values()


def _slices(stores: Databases, ids: Sequence[UUID]) -> Iterator[Slice]:
    if ids:
        yield Slice.of(ids)
        return
    first = FIRST
    while listed := [one for (one,) in stores.rows("orders", _ORDERS, {"first": first, "rows": AT_ONCE})]:
        yield Slice(first, listed[-1])
        first = above(listed[-1])


def _of_order(facts: OrderFacts) -> list[dict[str, Any]]:
    return [
        {"order_id": facts.order_id, "of": one.of, "field": one.field, "row": one.row, "events": one.events}
        for one in differences(facts)
    ]


def _of_level(level: LevelFact) -> list[dict[str, Any]]:
    """Return where a level is not what its movements come to; what is held is the audit's business."""
    sides = {
        "on_hand": (level.on_hand, level.ledger_on_hand),
        "reserved": (level.reserved, level.ledger_reserved),
        "movements": ([], level.unknown_movements),
    }
    place = {"product_id": level.product_id, "warehouse_id": level.warehouse_id}
    return [{**place, "field": name, "row": row, "ledger": told} for name, (row, told) in sides.items() if row != told]


def _unknown(kind: str, asked: Sequence[UUID], known: set[UUID]) -> list[UUID]:
    missing = [one for one in asked if one not in known]
    for one in missing:
        say(f"nothing is known of {kind} {one}")
    return missing


def _finish(options: argparse.Namespace, document: dict[str, Any], columns: Sequence[str], counted: str) -> int:
    found = document["differences"]

    def show(_: Mapping[str, Any]) -> None:
        table(found, columns)
        print(f"{counted} rebuilt, {len(found)} differences")

    return finish(options, document, show, done=not found and not document["unknown"])
