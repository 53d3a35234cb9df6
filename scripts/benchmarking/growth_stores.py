"""The stores while they grow: how many orders they hold, how large they are, what was scanned, what is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

import local_servers
from auditing import levels
from auditing.facts import FactsByOrder, OrderFacts
from auditing.slices import Slice
from auditing.stores import looking
from auditing.verdict import judged
from demonstration.databases import looking_into, one_number
from persistence.databases import POSTGRESQL_CONTEXTS, connection_parts, notifications_database

#: Rows from which on a table counts as large: to read all of it for one order would be a fault.
LARGE = 10_000

_OURS = "WHERE schemaname = current_schema()"
_NAMES = f"SELECT relname FROM pg_stat_user_tables {_OURS}"
_TABLES = f"SELECT relname, n_live_tup, seq_scan, seq_tup_read FROM pg_stat_user_tables {_OURS}"
_INDEXES = f"SELECT relname, indexrelname, idx_scan FROM pg_stat_user_indexes {_OURS}"


@dataclass(frozen=True, slots=True)
class Scans:
    """What PostgreSQL has counted: rows, sequential scans and the rows these read by `context.table`; index scans by
    `context.table.index`.
    """

    rows: Mapping[str, int]
    sequential: Mapping[str, tuple[int, int]]
    by_index: Mapping[str, int]

    def sequential_since(self, before: "Scans") -> dict[str, dict[str, int]]:
        """Return the sequential scans of large tables since an earlier look, with the rows that they read."""
        found = {}
        for table, (scans, read) in self.sequential.items():
            earlier = before.sequential.get(table, (0, 0))
            if scans > earlier[0] and self.rows[table] >= LARGE:
                found[table] = {"scans": scans - earlier[0], "rows_read": read - earlier[1]}
        return found

    def by_index_since(self, before: "Scans") -> dict[str, int]:
        """Return how often each index was used since an earlier look; 0 for one that was not."""
        return {name: scans - before.by_index.get(name, 0) for name, scans in sorted(self.by_index.items())}


def scans() -> Scans:
    """Look at the counts. Backends hand theirs over when they end, so ask when the workers have ended."""
    rows: dict[str, int] = {}
    sequential: dict[str, tuple[int, int]] = {}
    by_index: dict[str, int] = {}
    for context in POSTGRESQL_CONTEXTS:
        with looking_into(context) as connection:
            for table, live, count, read in connection.execute(_TABLES.encode()):
                rows[f"{context}.{table}"], sequential[f"{context}.{table}"] = live, (count, read)
            for table, index, count in connection.execute(_INDEXES.encode()):
                by_index[f"{context}.{table}.{index}"] = count
    return Scans(rows, sequential, by_index)


def stored() -> int:
    """Return how many orders there are."""
    return one_number("orders", "SELECT count(*) FROM orders")


def put_in_order() -> None:
    """Do at once what autovacuum and the checkpointer would do after a load: they would do it during a measurement."""
    for context in POSTGRESQL_CONTEXTS:
        with psycopg.connect(**connection_parts(context), autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
    with psycopg.connect(local_servers.postgresql_superuser_url(), autocommit=True) as connection:
        connection.execute("CHECKPOINT")


def database_bytes() -> dict[str, int]:
    """Return how large each context's database is on disk, indexes included."""
    found = {
        context: one_number(context, "SELECT pg_database_size(current_database())") for context in POSTGRESQL_CONTEXTS
    }
    database = notifications_database()
    try:
        found["notifications"] = int(database.command("dbStats")["totalSize"])
    finally:
        database.client.close()
    return found


def inbox_counts() -> dict[str, int]:
    """Return how many messages each context's inbox remembers."""
    found = {context: one_number(context, "SELECT count(*) FROM inbox") for context in POSTGRESQL_CONTEXTS}
    database = notifications_database()
    try:
        found["notifications"] = database["inbox"].count_documents({})
    finally:
        database.client.close()
    return found


def row_counts() -> dict[str, int]:
    """Return how many rows each table has, by `context.table`."""
    found: dict[str, int] = {}
    for context in POSTGRESQL_CONTEXTS:
        with looking_into(context) as connection:
            for (table,) in connection.execute(_NAMES.encode()).fetchall():
                query = psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(table))
                row: tuple[Any, ...] = connection.execute(query).fetchone() or (0,)
                found[f"{context}.{table}"] = int(row[0])
    return found


def wrong(ids: Sequence[UUID]) -> list[str]:
    """Judge these orders by what the stores say of them, and all stock levels; return the auditor's sentences.

    Providers are not asked: neither gateway nor carrier nor mail server ever heard of an order that was loaded.
    """
    with looking() as stores:
        facts = FactsByOrder({order_id: OrderFacts(order_id, is_named=True) for order_id in ids})
        stores.read(Slice.of(ids), facts)
        found = [str(one) for each in facts.values() for one in _violations(each)]
        return found + [str(one) for level in levels.disagreeing(stores) for one in levels.violations(level)]


def _violations(facts: OrderFacts) -> Sequence[object]:
    verdict = judged(facts)
    unfinished = [f"loaded order {facts.order_id} is in flight: {verdict.flying}"] if verdict.flying else []
    return [*verdict.always, *verdict.in_the_end, *unfinished]
