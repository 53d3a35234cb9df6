"""What a peer must have written: every row that the platform writes, and stock that adds up."""

from collections.abc import Mapping, Sequence

import psycopg

from benchmarking.workload import OneLineOrder

#: Rows an order, by context: the query, and how many it must find.
_ROWS = (
    ("orders", "SELECT count(*) FROM orders WHERE status = 'COMPLETED'", 1),
    ("orders", "SELECT count(*) FROM order_items", 1),
    ("orders", "SELECT count(*) FROM payments WHERE status = 'CAPTURED' AND captured_amount = amount", 1),
    ("orders", "SELECT count(DISTINCT (order_id, event_type)) FROM order_events", 6),
    ("orders", "SELECT count(*) FROM order_events", 6),
    ("inventory", "SELECT count(*) FROM inventory_reservations WHERE status = 'SHIPPED'", 1),
    ("inventory", "SELECT count(*) FROM inventory_movements WHERE movement_type = 'RESERVED'", 1),
    ("inventory", "SELECT count(*) FROM inventory_movements WHERE movement_type = 'SHIPPED'", 1),
    ("inventory", "SELECT coalesce(sum(version - 1), 0) FROM inventory", 2),
    ("delivery", "SELECT count(*) FROM shipments WHERE status = 'SCHEDULED'", 1),
    ("delivery", "SELECT count(*) FROM tracking_events", 1),
)

# There was exactly as much as was sold: all of it has left, and the last movement of each product says so.
_LEFT_OVER = "SELECT count(*) FROM inventory WHERE quantity_on_hand <> 0 OR quantity_reserved <> 0"
_LEDGER_ENDS = "SELECT count(*) FROM inventory_movements WHERE on_hand_after = 0 AND reserved_after = 0"
_TAKEN = "SELECT coalesce(sum(captured_amount) * 100, 0)::bigint FROM payments"


def differences(peer: str, urls: Mapping[str, str], orders: Sequence[OneLineOrder]) -> list[str]:
    """Return a sentence for everything that a peer did not write as it should; none if all is there."""
    found = []
    for context, query, each in _ROWS:
        found += _compare(peer, urls[context], query, each * len(orders))
    found += _compare(peer, urls["inventory"], _LEFT_OVER, 0)
    found += _compare(peer, urls["inventory"], _LEDGER_ENDS, len({order["product_id"] for order in orders}))
    found += _compare(peer, urls["orders"], _TAKEN, sum(order["unit_cents"] * order["quantity"] for order in orders))
    return found


def _compare(peer: str, url: str, query: str, expected: int) -> list[str]:
    with psycopg.connect(url) as connection:
        (count,) = connection.execute(query.encode()).fetchone() or (None,)
    return [] if count == expected else [f"{peer}: {query!r} gives {count}, not {expected}"]
