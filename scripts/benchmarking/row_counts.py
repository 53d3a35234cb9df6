"""What a round wrote, as the database server counted it: rows inserted and updated, by table."""

import time
from collections.abc import Mapping

import psycopg

TABLES = {
    "orders": ("orders", "order_items", "payments", "order_events"),
    "inventory": ("inventory", "inventory_reservations", "inventory_movements"),
    "delivery": ("shipments", "tracking_events"),
}

_COUNTS = """
    SELECT relname, n_tup_ins, n_tup_upd FROM pg_stat_user_tables
    WHERE schemaname = current_schema() AND relname = ANY(%s)
"""

#: Seconds by which PostgreSQL's counts may be late.
LATE_SECONDS = 1.5

Counts = dict[str, tuple[int, int]]
Rows = dict[str, dict[str, float]]


def counted(urls: Mapping[str, str]) -> Counts:
    """Return (inserted, updated) of each business table since the server began to count, by table.

    A backend hands its counts over when it has been idle for a while, or ends: ask when all writers have ended.
    """
    found: Counts = {}
    for context, tables in TABLES.items():
        with psycopg.connect(urls[context]) as connection:
            for name, inserted, updated in connection.execute(_COUNTS, (list(tables),)):
                found[name] = (inserted, updated)
    return found


def settled(urls: Mapping[str, str], patience: float = 15.0) -> Counts:
    """Return the counts once they stand still: backends hand theirs over late. Seconds of patience at most."""
    deadline = time.monotonic() + patience
    found = counted(urls)
    while time.monotonic() < deadline:
        time.sleep(LATE_SECONDS)
        earlier, found = found, counted(urls)
        if found == earlier:
            break
    return found


def per_order(before: Counts, after: Counts, orders: int) -> Rows:
    """Return how many rows an order inserted and updated, by table."""
    return {
        name: {
            "inserted": round((after[name][0] - before[name][0]) / orders, 3),
            "updated": round((after[name][1] - before[name][1]) / orders, 3),
        }
        for names in TABLES.values()
        for name in names
    }
