"""`ops stock`: a product's levels, now or as of a moment, and whether the ledger explains them."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from contexts.inventory.model import Movement
from operations.commands import Commands, add, at_least_one, finish, group
from operations.printing import fields, say, table
from operations.stores import Snapshot, reading
from operations.times import moment

EPILOG = """\
As of a moment, levels are rebuilt from the ledger of movements. `explained`: whether all movements, replayed, are the
levels of now.

examples:
  scripts/ops stock show CD-00042
  scripts/ops stock show 9b2e5c1a-6a0f-4c0e-8c58-0f6a3d1c7b11 --as-of 2026-11-22T18:00 --json

exit code: 0; 1 no such product, or levels that the ledger does not explain; 2 wrong use, or a server is away
"""

#: What one unit of each kind of movement does to (on hand, reserved).
EFFECTS = {
    Movement.RECEIVED: (1, 0),
    Movement.RESERVED: (0, 1),
    Movement.RELEASED: (0, -1),
    Movement.SHIPPED: (-1, -1),
    Movement.RETURNED: (1, 0),
}

_LEVELS = """
    SELECT i.warehouse_id, w.code AS warehouse, i.quantity_on_hand AS on_hand, i.quantity_reserved AS reserved,
           i.quantity_available AS available, i.last_updated
    FROM inventory i LEFT JOIN warehouses w ON w.id = i.warehouse_id
    WHERE i.product_id = %s ORDER BY i.warehouse_id
"""
_SUMS = """
    SELECT warehouse_id, movement_type, sum(quantity)::bigint AS quantity FROM inventory_movements
    WHERE product_id = %(product)s AND (%(until)s::timestamptz IS NULL OR created_at <= %(until)s) GROUP BY 1, 2
"""
_RESERVATIONS = """
    SELECT order_id, warehouse_id, quantity, created_at, expires_at FROM inventory_reservations
    WHERE product_id = %s AND status = 'ACTIVE' ORDER BY created_at, order_id LIMIT %s
"""
_MOVEMENTS = """
    SELECT created_at AS at, movement_type AS movement, quantity, warehouse_id, reference_type, reference_id,
           on_hand_after, reserved_after
    FROM inventory_movements
    WHERE product_id = %(product)s AND (%(until)s::timestamptz IS NULL OR created_at <= %(until)s)
    ORDER BY created_at DESC LIMIT %(limit)s
"""

_LEVEL_COLUMNS = ("warehouse_id", "warehouse", "on_hand", "reserved", "available")
_RESERVATION_COLUMNS = ("order_id", "warehouse_id", "quantity", "created_at", "expires_at")
_MOVEMENT_COLUMNS = ("at", "movement", "quantity", "on_hand_after", "reserved_after", "reference_type", "reference_id")


def add_to(commands: Commands) -> None:
    """Add the commands."""
    own = group(commands, "stock", "look at stock")
    showing = add(own, "show", run, "show a product's levels, active reservations and last movements", EPILOG)
    showing.add_argument("product", metavar="PRODUCT_ID|SKU")
    showing.add_argument(
        "--as-of", type=moment, metavar="TIME", help="an ISO 8601 moment, UTC unless it says otherwise"
    )
    showing.add_argument("--limit", type=at_least_one, default=10, help="rows of each list (default: %(default)s)")


def run(options: argparse.Namespace) -> int:
    """Show one product's stock."""
    product = _product(options.product)
    if product is None:
        say(f"no product is called {options.product}")
        return finish(options, {"product": None}, lambda _: None, done=False)
    with reading("inventory") as connection:
        stock = _stock(connection, product["id"], options)
    if stock["levels"] == [] and not stock["movements"]:
        say(f"nothing was ever received of product {product['id']}")
    elif not stock["explained"]:
        say("the ledger does not explain the levels: see `differences`")
    found = bool(stock["levels"] or stock["movements"])
    return finish(options, {"product": product, **stock}, _show, done=found and stock["explained"])


def replayed(sums: Iterable[Mapping[str, Any]]) -> tuple[dict[UUID, tuple[int, int]], list[str]]:
    """Return (on hand, reserved) by warehouse from sums of movements, and the kinds that nobody knows."""
    levels: dict[UUID, tuple[int, int]] = {}
    unknown = []
    for row in sums:
        if row["movement_type"] not in EFFECTS:
            unknown.append(row["movement_type"])
            continue
        on_hand, reserved = levels.get(row["warehouse_id"], (0, 0))
        by_unit = EFFECTS[Movement(row["movement_type"])]
        levels[row["warehouse_id"]] = (on_hand + by_unit[0] * row["quantity"], reserved + by_unit[1] * row["quantity"])
    return levels, sorted(set(unknown))


def _product(name: str) -> dict[str, Any] | None:
    """Return a product by id or SKU. One that the catalog never heard of may have stock all the same."""
    try:
        identity = UUID(name)
    except ValueError:
        with reading("catalog") as connection:
            return connection.execute("SELECT id, sku, name FROM products WHERE sku = %s", (name,)).fetchone()
    with reading("catalog") as connection:
        row = connection.execute("SELECT id, sku, name FROM products WHERE id = %s", (identity,)).fetchone()
    return row or {"id": identity, "sku": None, "name": None}


def _stock(connection: Snapshot, product_id: UUID, options: argparse.Namespace) -> dict[str, Any]:
    """Return all that is shown, of one moment."""
    now = connection.execute(_LEVELS, (product_id,)).fetchall()
    everything = connection.execute(_SUMS, {"product": product_id, "until": None}).fetchall()
    limited = {"product": product_id, "until": options.as_of, "limit": options.limit}
    differences = _differences(now, everything)
    stock = {
        "as_of": options.as_of,
        "levels": now if options.as_of is None else _as_of(connection, product_id, options.as_of, now),
        "explained": not differences,
        "differences": differences,
        "movements": connection.execute(_MOVEMENTS, limited).fetchall(),
    }
    if options.as_of is None:
        stock["reservations"] = connection.execute(_RESERVATIONS, (product_id, options.limit)).fetchall()
    return stock


def _differences(levels: Sequence[Mapping[str, Any]], sums: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say, warehouse by warehouse, where levels and ledger tell different things."""
    rebuilt, unknown = replayed(sums)
    stored = {row["warehouse_id"]: (row["on_hand"], row["reserved"]) for row in levels}
    found = [f"movements of an unknown kind: {kind}" for kind in unknown]
    for warehouse in sorted(rebuilt.keys() | stored.keys()):
        level, ledger = stored.get(warehouse, (0, 0)), rebuilt.get(warehouse, (0, 0))
        if level != ledger:
            found.append(
                f"warehouse {warehouse}: level {level[0]} on hand, {level[1]} reserved;"
                f" ledger {ledger[0]} on hand, {ledger[1]} reserved"
            )
    return found


def _as_of(
    connection: Snapshot, product_id: UUID, until: datetime, now: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    codes = {row["warehouse_id"]: row["warehouse"] for row in now}
    rebuilt, _ = replayed(connection.execute(_SUMS, {"product": product_id, "until": until}))
    return [
        {
            "warehouse_id": warehouse,
            "warehouse": codes.get(warehouse),
            "on_hand": on_hand,
            "reserved": reserved,
            "available": on_hand - reserved,
        }
        for warehouse, (on_hand, reserved) in sorted(rebuilt.items())
    ]


def _show(document: Mapping[str, Any]) -> None:
    product = document["product"]
    fields({"product": product["id"], "sku": product["sku"], "name": product["name"], "as of": document["as_of"]})
    table(document["levels"], _LEVEL_COLUMNS, "levels")
    for difference in document["differences"]:
        print(difference)
    if not document["differences"]:
        print("explained: all movements, replayed, are the levels of now")
    table(document.get("reservations", []), _RESERVATION_COLUMNS, "active reservations")
    table(document["movements"], _MOVEMENT_COLUMNS, "last movements")
