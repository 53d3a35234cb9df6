"""Orders loaded in bulk, in a shop of the test's own: they are whole, they are others, and what is wrong is told."""

import argparse
import threading
from collections.abc import Iterator
from uuid import UUID

import pytest

from benchmarking import growth, growth_loading, growth_stores
from benchmarking.growth_loading import Loading, LoadInterrupted
from benchmarking.growth_pattern import TABLES, pattern_of
from benchmarking.growth_run import TOLERATED, require_room
from benchmarking.growth_stores import LARGE, Scans
from benchmarking.platform import PlatformFailedError
from contexts.delivery.model import shipment_id
from contexts.orders.numbers import new_number
from contexts.orders.payment import payment_id
from persistence.orders import line_id

from ..persistence.virtual_host import eventually
from .audited_shop import AuditedShop, audited_shop

#: Orders that the tests load, in chunks of so many, and messages in an inbox for each.
LOADED, CHUNK, INBOX = 25, 10, 2


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditedShop]:
    with audited_shop(tmp_path_factory.mktemp("providers")) as opened:
        yield opened


@pytest.fixture
def loading(shop: AuditedShop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loading]:
    """A load of orders like two that the shop completed, about to begin."""
    monkeypatch.setattr(growth_loading, "CHUNK", CHUNK)
    with shop.variables():
        patterns = [pattern_of(order_id) for order_id in shop.spare[:2]]
        inbox = dict.fromkeys((*TABLES, "notifications"), INBOX)
        yield Loading(patterns, inbox, LOADED)


def run(loading: Loading) -> list[UUID]:
    """Load all; return the orders' ids."""
    loading.run(threading.Event(), print)
    return loading.sample(LOADED)


def test_the_auditor_finds_nothing_wrong_in_loaded_orders_nor_in_the_stock(loading: Loading) -> None:
    ids = run(loading)

    assert len(set(ids)) == LOADED
    assert growth_stores.wrong(ids) == []


def test_a_loaded_order_has_rows_in_every_table_in_which_a_completed_one_has_some(
    shop: AuditedShop, loading: Loading
) -> None:
    (first, *_) = run(loading)

    completed = {table: _naming(shop, table, shop.spare[0]) for table in growth_stores.row_counts()}

    assert {table for table, rows in completed.items() if rows} == {
        f"{context}.{table}" for context, tables in TABLES.items() for table in tables
    }
    assert {table: _naming(shop, table, first) for table in completed} == completed


def _naming(shop: AuditedShop, table: str, order_id: UUID) -> int:
    """Count the rows in which an order, or its shipment, is named."""
    context, name = table.split(".")
    named = " OR ".join(f"strpos(to_jsonb(one)::text, '{one}') > 0" for one in (order_id, shipment_id(order_id)))
    return int(shop.platform.rows(context, f"SELECT count(*) FROM {name} one WHERE {named}")[0][0])


def test_every_inbox_grows_by_the_messages_of_each_order(loading: Loading) -> None:
    before = growth_stores.inbox_counts()

    run(loading)

    after = growth_stores.inbox_counts()
    assert {context: after[context] - before[context] for context in (*TABLES, "notifications")} == dict.fromkeys(
        (*TABLES, "notifications"), INBOX * LOADED
    )


def test_no_loaded_order_shares_a_row_with_the_one_it_is_like(shop: AuditedShop, loading: Loading) -> None:
    (first, *_) = run(loading)

    with shop.notifications() as notifications:
        (mail,) = notifications.find({"metadata.order_id": str(first)}).to_list()
    assert str(first) in mail["key"]
    address = mail["recipient"]["address"]
    rows = shop.platform.rows("orders", f"SELECT order_number, customer_email FROM orders WHERE id = '{first}'")
    ((number, customer),) = rows
    # Its first nine digits are the time of the order's own id.
    assert (number[:13], customer) == (new_number(first)[:13], address)
    assert shop.platform.rows("orders", f"SELECT id FROM payments WHERE order_id = '{first}'") == [(payment_id(first),)]
    lines = shop.platform.rows("orders", f"SELECT id FROM order_items WHERE order_id = '{first}'")
    assert lines == [(line_id(first, place),) for place in range(len(lines))]


def test_orders_were_placed_in_turn_and_long_ago(shop: AuditedShop, loading: Loading) -> None:
    ids = run(loading)

    listed = ", ".join(f"'{one}'" for one in ids)
    query = f"SELECT id, now() - created_at > interval '2 days' FROM orders WHERE id IN ({listed}) ORDER BY created_at"
    assert shop.platform.rows("orders", query) == [(one, True) for one in ids]


def test_what_is_wrong_with_a_loaded_order_is_told(shop: AuditedShop, loading: Loading) -> None:
    (first, *_) = run(loading)

    with shop.changed("orders", "payments", "order_id", first, captured_amount=1):
        found = growth_stores.wrong([first])

    assert any("payment_disagrees" in sentence or "captured" in sentence for sentence in found)
    assert growth_stores.wrong([first]) == []


def test_a_load_that_is_stopped_ends_behind_a_whole_chunk(shop: AuditedShop, loading: Loading) -> None:
    stopped = threading.Event()
    stopped.set()
    before = growth_stores.stored()

    with pytest.raises(LoadInterrupted, match=f"{CHUNK} of {LOADED}"):
        loading.run(stopped, print)

    assert growth_stores.stored() - before == CHUNK
    assert growth_stores.wrong(loading.sample(LOADED)[:CHUNK]) == []


def test_only_sequential_scans_of_large_tables_are_told() -> None:
    before = Scans({}, {"orders.orders": (5, 50), "orders.price_copies": (1, 1)}, {"orders.orders.pk": 3})
    rows = {"orders.orders": LARGE, "orders.price_copies": LARGE - 1}
    after = Scans(rows, {"orders.orders": (7, 20_050), "orders.price_copies": (9, 9)}, {"orders.orders.pk": 10})

    assert after.sequential_since(before) == {"orders.orders": {"scans": 2, "rows_read": 20_000}}
    assert after.by_index_since(before) == {"orders.orders.pk": 7}


def test_a_sequential_scan_is_counted(shop: AuditedShop) -> None:
    with shop.variables():
        before = growth_stores.scans().sequential["orders.orders"]
        shop.platform.rows("orders", "SELECT count(*) FROM orders WHERE currency = 'USD'")
        # PostgreSQL counts a scan when its connection has been idle, or has ended.
        eventually(lambda: growth_stores.scans().sequential["orders.orders"][0] > before[0])


def test_sizes_rise() -> None:
    assert growth.sizes("0,100,2000") == [0, 100, 2000]
    for wrong in ("", "5,5", "10,1", "1,-2", "a"):
        with pytest.raises(argparse.ArgumentTypeError):
            growth.sizes(wrong)


def test_stores_that_are_full_already_are_not_measured_as_empty() -> None:
    require_room([0, 100_000], TOLERATED)
    with pytest.raises(PlatformFailedError, match="scripts/servers reset"):
        require_room([0, 100_000], TOLERATED + 1)
