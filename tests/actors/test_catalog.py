"""The catalog's actors: what is put is told to whoever keeps copies, and can be shown."""

from datetime import timedelta
from uuid import UUID, uuid4

from freezegun import freeze_time

from actors.catalog import put_product, show_product
from contexts.catalog.messages import Price, PutProduct, ShowProduct
from contexts.catalog.model import Products
from tests.contexts.examples import NOW

CD = UUID(int=1)
PRICES = (
    Price(id=UUID(int=2), price_minor=999, effective_from=NOW),
    Price(id=UUID(int=3), price_minor=899, effective_from=NOW + timedelta(days=1)),
)


def shown(products: Products, product_id: UUID = CD) -> list[str] | None:
    view = show_product(ShowProduct(product_id=product_id, reply_to="reader", query_id=uuid4()), products)
    return None if view is None else [price["price"] for price in view.body["prices"]]


def test_a_product_that_is_put_is_told_with_all_its_prices() -> None:
    products = Products()

    (told,) = put_product(PutProduct(product_id=CD, sku="CD-1", name="A CD", prices=PRICES), products)
    (again,) = put_product(PutProduct(product_id=CD, sku="CD-1", name="A CD"), products)

    assert (told.product_id, told.version, told.prices) == (CD, 1, PRICES)
    assert (again.version, again.prices) == (2, PRICES)


def test_a_product_is_shown_at_the_price_of_the_moment() -> None:
    products = Products()
    list(put_product(PutProduct(product_id=CD, sku="CD-1", name="A CD", prices=PRICES), products))

    with freeze_time(NOW):
        assert shown(products) == ["9.99"]
    with freeze_time(NOW + timedelta(days=1)):
        assert shown(products) == ["8.99"]


def test_of_an_unknown_product_there_is_nothing_to_see() -> None:
    assert shown(Products(), uuid4()) is None
