"""Products and prices in a real PostgreSQL: what was put is found again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from contexts.catalog.messages import Price, PutProduct, ShowProduct
from contexts.views import View
from persistence.catalog import ProductTables
from persistence.postgres_store import PostgresStore

from .conftest import Open
from .transactions import loaded

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(open_store: Open) -> PostgresStore:
    return open_store("catalog")


def a_price(minor: int, currency: str = "USD", begins: datetime = NOW, **changes: Any) -> Price:
    return Price(id=uuid4(), price_minor=minor, currency=currency, effective_from=begins, **changes)


def a_product(**changes: Any) -> PutProduct:
    product_id = uuid4()
    fields: dict[str, Any] = {
        "product_id": product_id,
        "sku": f"CD-{product_id}",
        "name": "Žluťoučký kůň",
        "description": 'a "quoted" text,\nwith {braces}',
        "brand": None,
        "attributes": {"weight": 1.5, "tags": ["a", None], "nested": {"x": "ý"}},
        "prices": (a_price(1299), a_price(150, "JPY")),
    }
    return PutProduct(**fields | changes)


def put(store: PostgresStore, *commands: PutProduct) -> list[int]:
    with loaded(store, ProductTables, *commands) as products:
        return [products.put(command).version for command in commands]


def show(store: PostgresStore, product_id: UUID, at: datetime = NOW) -> View | None:
    query = ShowProduct(product_id=product_id, reply_to="", query_id=uuid4())
    with loaded(store, ProductTables, query) as products:
        return products.view(product_id, at)


def test_a_product_is_found_again_as_it_was_put(store: PostgresStore) -> None:
    command = a_product()
    put(store, command, a_product(prices=()))

    with loaded(store, ProductTables, command) as products:
        found = products.products[command.product_id]
        assert (found.sku, found.name, found.description) == (command.sku, command.name, command.description)
        assert (found.brand, found.status, found.attributes) == (None, "ACTIVE", command.attributes)
        assert sorted(found.prices.values(), key=str) == sorted(command.prices, key=str)
        assert found.version == 1


def test_a_product_that_is_put_again_is_replaced_and_keeps_its_old_prices(store: PostgresStore) -> None:
    command = a_product(brand="old")
    later = a_price(999, begins=NOW + timedelta(days=1))
    changed = command.model_copy(update={"name": "new", "brand": None, "prices": (command.prices[0], later)})

    assert put(store, command) == [1]
    assert put(store, changed, changed) == [2, 3]

    view = show(store, command.product_id, NOW + timedelta(days=2))
    assert view is not None
    assert (view.version, view.body["name"], view.body["brand"]) == (3, "new", None)
    assert {(price["price"], price["currency"]) for price in view.body["prices"]} == {("9.99", "USD"), ("150", "JPY")}


def test_prices_hold_from_their_beginning_to_their_end(store: PostgresStore) -> None:
    sale = a_price(500, begins=NOW, effective_to=NOW + timedelta(hours=1), price_type="SALE")
    command = a_product(prices=(a_price(1000, begins=NOW - timedelta(days=1)), sale))
    put(store, command)

    def price(at: datetime) -> list[str]:
        view = show(store, command.product_id, at)
        return [one["price"] for one in view.body["prices"]] if view else []

    moments = [NOW - timedelta(days=2), NOW - timedelta(hours=1), NOW, NOW + timedelta(hours=1)]
    assert [price(at) for at in moments] == [[], ["10.00"], ["5.00"], ["10.00"]]


def test_an_unknown_product_shows_nothing(store: PostgresStore) -> None:
    assert show(store, uuid4()) is None


def test_changes_at_once_are_all_counted(store: PostgresStore) -> None:
    command, together = a_product(), Barrier(6)
    put(store, command)

    def change(number: int) -> list[int]:
        together.wait()
        return put(store, command.model_copy(update={"name": f"name {number}"}))

    with ThreadPoolExecutor(6) as threads:
        versions = [version for part in threads.map(change, range(6)) for version in part]

    assert sorted(versions) == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("changes", [{"sku": "x" * 101}, {"name": "x" * 256}, {"attributes": {"a": "x\0y"}}])
def test_what_a_column_cannot_hold_is_refused_whole(store: PostgresStore, changes: dict[str, Any]) -> None:
    command = a_product(**changes)

    with pytest.raises(psycopg.DataError):
        put(store, command)

    assert show(store, command.product_id) is None
