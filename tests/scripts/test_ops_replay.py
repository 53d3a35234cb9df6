"""`scripts/ops replay`: rows that are not what their history tells are found, field by field."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contexts.catalog.messages import Price, ProductChanged
from contexts.inventory.messages import Line, ReceiveStock, ReserveStock
from contexts.orders.gateway import Approved
from contexts.orders.messages import AuthorizePayment, CompleteOrder, RejectOrder
from persistence.inventory import StockTables
from persistence.orders import OrderTables
from persistence.payments import PaymentTables
from tests.contexts.examples import a_place_order
from tests.persistence.transactions import loaded

from .operators_desk import Desk, own_desk

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WAREHOUSE = UUID(int=10)


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with own_desk() as desk:
        yield desk


@pytest.fixture(scope="module")
def product(desk: Desk) -> UUID:
    """A CD for 12.49 of which ten were received and two are held."""
    product_id, order_id = uuid4(), uuid4()
    price = Price(id=uuid4(), price_minor=1249, effective_from=BEGIN - SECOND)
    changed = ProductChanged(
        product_id=product_id, sku="CD-1", name="A CD", prices=(price,), version=1, status="ACTIVE"
    )
    with desk.store("orders") as store, loaded(store, OrderTables, changed) as orders:
        orders.copy_prices(changed)
    received = ReceiveStock(delivery_id=uuid4(), product_id=product_id, warehouse_id=WAREHOUSE, quantity=10)
    reserve = ReserveStock(order_id=order_id, lines=(Line(product_id=product_id, quantity=2),))
    with desk.store("inventory") as store:
        with loaded(store, StockTables, received) as stocks:
            stocks.receive(received, BEGIN)
        with loaded(store, StockTables, reserve) as stocks:
            stocks.reserve(order_id, reserve.lines, BEGIN)
    return product_id


@pytest.fixture(scope="module")
def completed(desk: Desk, product: UUID) -> UUID:
    """An order that was paid, by a worker whose clock ran ahead, and completed."""
    order_id = _placed(desk, product)
    pay = AuthorizePayment(order_id=order_id, card_token="tok_visa")
    with desk.store("orders") as store:
        with loaded(store, PaymentTables, pay) as payments:
            payment = payments.of(order_id)
            payment.authorize("tok_visa", BEGIN + 90 * SECOND)
            payment.authorized(Approved("txn_1", "visa", "4242"), BEGIN + 90 * SECOND)
            payment.capture(BEGIN + SECOND)
            payment.captured(Approved("txn_1"), BEGIN + SECOND)
        with loaded(store, OrderTables, CompleteOrder(order_id=order_id)) as orders:
            orders.get(order_id).complete(BEGIN + 2 * SECOND)
    return order_id


@pytest.fixture(scope="module")
def rejected(desk: Desk, product: UUID) -> UUID:
    """An order that came to nothing before it was paid."""
    order_id, reason = _placed(desk, product), "reserve_refused"
    command = RejectOrder(order_id=order_id, reason=reason)
    with desk.store("orders") as store, loaded(store, OrderTables, command) as orders:
        orders.get(order_id).reject(reason, BEGIN + SECOND)
    return order_id


def _placed(desk: Desk, product: UUID) -> UUID:
    wish = a_place_order((product, 2))
    with desk.store("orders") as store, loaded(store, OrderTables, wish) as orders:
        orders.place(wish, BEGIN)
    return wish.order_id


def replayed(desk: Desk, *arguments: object) -> tuple[int, dict[str, Any]]:
    code, output, _ = desk.run("replay", *arguments, "--json")
    return code, json.loads(output)


def test_rows_that_their_events_tell_have_no_differences(desk: Desk, completed: UUID, rejected: UUID) -> None:
    code, document = replayed(desk, "orders")

    assert (code, document["orders"], document["differences"]) == (0, 2, [])
    assert replayed(desk, "orders", completed)[1]["orders"] == 1
    assert desk.run("replay", "orders", rejected)[1] == "1 orders rebuilt, 0 differences\n"


@pytest.mark.parametrize(
    ("table", "change", "difference"),
    [
        ("orders", "status = 'PENDING'", ("order", "status", "PENDING", "COMPLETED")),
        ("orders", "total_amount = 25.00", ("order", "total_minor", 2500, 2498)),
        ("orders", "rejection_reason = 'expired'", ("order", "reason", "expired", None)),
        ("orders", "return_reason = 'cancelled'", ("order", "return_reason", "cancelled", None)),
        ("orders", "return_refusal = 'collected'", ("order", "return_refusal", "collected", None)),
        ("orders", "version = 3", ("order", "version", 3, 2)),
        ("payments", "status = 'AUTHORIZED'", ("payment", "status", "AUTHORIZED", "CAPTURED")),
        ("payments", "captured_amount = 0", ("payment", "captured_minor", 0, 2498)),
        ("payments", "refunded_amount = 1", ("payment", "refunded_minor", 100, 0)),
        ("payments", "gateway_transaction_id = 'txn_2'", ("payment", "transaction_id", "txn_2", "txn_1")),
        ("payments", "failure_code = 'lost_card'", ("payment", "failure_code", "lost_card", None)),
    ],
)
def test_a_row_that_its_events_do_not_tell_is_a_difference_of_that_field(
    desk: Desk, completed: UUID, table: str, change: str, difference: tuple[object, ...]
) -> None:
    key = "id" if table == "orders" else "order_id"
    with desk.database("orders") as database:
        database.execute(f"CREATE TABLE kept AS SELECT * FROM {table}".encode())
        database.execute(f"UPDATE {table} SET {change} WHERE {key} = %s".encode(), (completed,))
        code, document = replayed(desk, "orders", completed)
        column = change.partition(" ")[0]
        database.execute(f"UPDATE {table} t SET {column} = kept.{column} FROM kept WHERE kept.id = t.id".encode())
        database.execute("DROP TABLE kept")

    assert code == 1
    found = [tuple(one.values()) for one in document["differences"]]
    assert found == [(str(completed), *difference)]
    assert replayed(desk, "orders", completed)[0] == 0


def test_an_event_that_is_missing_is_a_difference(desk: Desk, completed: UUID) -> None:
    last = "order_id = %s AND event_type = 'PaymentCapturing'"
    with desk.database("orders") as database:
        database.execute(f"CREATE TABLE kept AS SELECT * FROM order_events WHERE {last}".encode(), (completed,))
        database.execute(f"DELETE FROM order_events WHERE {last}".encode(), (completed,))
        code, document = replayed(desk, "orders")
        database.execute("INSERT INTO order_events SELECT * FROM kept")
        database.execute("DROP TABLE kept")

    assert code == 1
    (found,) = document["differences"]
    assert (found["of"], found["field"], found["row"], found["events"]) == (
        "payment",
        "version",
        4,
        "sequences [1, 2, 4]",
    )


def test_levels_that_the_ledger_tells_have_no_differences(desk: Desk, product: UUID) -> None:
    code, document = replayed(desk, "stock")

    assert (code, document["levels"], document["differences"]) == (0, 1, [])
    assert desk.run("replay", "stock", product)[1] == "1 levels rebuilt, 0 differences\n"


def test_a_level_that_the_ledger_does_not_tell_is_a_difference(desk: Desk, product: UUID) -> None:
    with desk.database("inventory") as database:
        database.execute("UPDATE inventory SET quantity_on_hand = 11, quantity_reserved = 1")
        code, document = replayed(desk, "stock", product)
        database.execute("UPDATE inventory SET quantity_on_hand = 10, quantity_reserved = 2")

    place = {"product_id": str(product), "warehouse_id": str(WAREHOUSE)}
    assert code == 1
    assert document["differences"] == [
        {**place, "field": "on_hand", "row": 11, "ledger": 10},
        {**place, "field": "reserved", "row": 1, "ledger": 2},
    ]


def test_a_level_without_any_movement_is_a_difference(desk: Desk, product: UUID) -> None:
    other = uuid4()
    with desk.database("inventory") as database:
        database.execute(
            "INSERT INTO inventory (product_id, warehouse_id, quantity_on_hand) VALUES (%s, %s, 1)", (other, WAREHOUSE)
        )
        code, document = replayed(desk, "stock")
        database.execute("DELETE FROM inventory WHERE product_id = %s", (other,))

    assert code == 1
    assert [(one["product_id"], one["field"]) for one in document["differences"]] == [(str(other), "on_hand")]


def test_an_id_that_nobody_knows_is_exit_code_1_and_a_server_that_is_away_is_2(desk: Desk) -> None:
    unknown = uuid4()
    for what in ("orders", "stock"):
        code, document = replayed(desk, what, unknown)
        assert (code, document["unknown"]) == (1, [str(unknown)])
    nowhere = "postgresql://nobody@127.0.0.1:9/none"
    assert desk.run("replay", "orders", ORDERS_DATABASE_URL=nowhere)[0] == 2
    assert desk.run("replay", "stock", INVENTORY_DATABASE_URL=nowhere)[0] == 2
