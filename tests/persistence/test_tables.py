"""What the tables themselves see to, whoever writes into them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from persistence.databases import engine, url_variable
from persistence.tables import catalog, inventory, orders


@pytest.fixture
def connection(
    request: pytest.FixtureRequest, schemas: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[sqlalchemy.Connection]:
    """A connection to the tables of the context that the test is parametrized with; all that it does is rolled back."""
    monkeypatch.setenv(url_variable(request.param), schemas(request.param))
    pool = engine(request.param, pool_size=1)
    with pool.connect() as connection:
        yield connection
        connection.rollback()
    pool.dispose()


def order_values(**changes: Any) -> dict[str, Any]:
    """A row of orders."""
    return {
        "id": uuid4(),
        "order_number": uuid4().hex,
        "customer_id": uuid4(),
        "total_amount": 10,
        "shipping_address": {},
        "billing_address": {},
    } | changes


@pytest.mark.parametrize("connection", ["orders"], indirect=True)
@pytest.mark.parametrize(
    ("captured", "refunded"), [(11, 0), (5, 6), (5, -1)], ids=["above the amount", "above the captured", "negative"]
)
def test_a_payment_whose_amounts_contradict_each_other_is_refused(
    connection: sqlalchemy.Connection, captured: int, refunded: int
) -> None:
    order = order_values()
    payment = {"order_id": order["id"], "payment_method": "card", "amount": 10}
    connection.execute(insert(orders.orders), order)
    connection.execute(insert(orders.payments), payment | {"captured_amount": 10, "refunded_amount": 10})

    with pytest.raises(IntegrityError, match="payments_amounts_check"):
        connection.execute(
            insert(orders.payments), payment | {"captured_amount": captured, "refunded_amount": refunded}
        )


@pytest.mark.parametrize("connection", ["inventory"], indirect=True)
def test_stock_knows_what_is_available_and_cannot_be_reserved_beyond_what_is_there(
    connection: sqlalchemy.Connection,
) -> None:
    stock = {"product_id": uuid4(), "warehouse_id": uuid4(), "quantity_on_hand": 3, "quantity_reserved": 2}
    available = insert(inventory.inventory).returning(inventory.inventory.c.quantity_available)

    assert connection.execute(available, stock).scalar_one() == 1
    with pytest.raises(IntegrityError, match="inventory_reserved_within_on_hand_check"):
        connection.execute(insert(inventory.inventory), stock | {"product_id": uuid4(), "quantity_reserved": 4})


@pytest.mark.parametrize("connection", ["catalog"], indirect=True)
def test_the_category_tree_is_searched_by_path(connection: sqlalchemy.Connection) -> None:
    root = f"t{uuid4().hex}"
    for path in (root, f"{root}.music", f"{root}.music.jazz"):
        connection.execute(insert(catalog.categories), {"name": path, "slug": path, "path": path})

    below = select(catalog.categories.c.name).where(text("path <@ CAST(:path AS ltree)"))

    assert set(connection.execute(below, {"path": f"{root}.music"}).scalars()) == {
        f"{root}.music",
        f"{root}.music.jazz",
    }


@pytest.mark.parametrize("connection", ["orders"], indirect=True)
def test_times_come_back_in_utc_and_documents_as_they_went_in(connection: sqlalchemy.Connection) -> None:
    placed = datetime(1997, 1, 12, 23, 30, tzinfo=UTC)
    order = order_values(created_at=placed, metadata={"gift": True, "note": "für dich"})
    connection.execute(insert(orders.orders), order)

    row = connection.execute(select(orders.orders).where(orders.orders.c.id == order["id"])).one()

    assert row.created_at == placed
    assert row.created_at.utcoffset() == placed.utcoffset()
    assert row._mapping["metadata"] == order["metadata"]
