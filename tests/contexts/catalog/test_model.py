"""Products: replaced as a whole, their prices only ever added, and shown at the prices of the moment."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from contexts.catalog.messages import Price, ProductChanged, PutProduct
from contexts.catalog.model import Products
from tests.contexts.examples import NOW

CD = UUID(int=1)
A_DAY = timedelta(days=1)


def a_price(minor: int = 999, starts: datetime = NOW, ends: datetime | None = None, currency: str = "USD") -> Price:
    return Price(id=uuid4(), price_minor=minor, currency=currency, effective_from=starts, effective_to=ends)


def put(**changes: Any) -> PutProduct:
    fields: dict[str, Any] = {"product_id": CD, "sku": "CD-1", "name": "A CD", "prices": ()}
    return PutProduct(**fields | changes)


def amounts_at(at: datetime, *prices: Price) -> list[int]:
    products = Products()
    products.put(put(prices=prices))
    return [price.price_minor for price in products.products[CD].prices_at(at)]


def test_a_new_product_is_told_whole() -> None:
    price = a_price()

    told = Products().put(put(status="DRAFT", prices=(price,)))

    assert told == ProductChanged(product_id=CD, version=1, sku="CD-1", name="A CD", status="DRAFT", prices=(price,))


def test_every_change_is_told_under_a_higher_version() -> None:
    products = Products()

    assert [products.put(put(name=name)).version for name in ("first", "second", "second")] == [1, 2, 3]
    assert products.products[CD].name == "second"


def test_a_product_that_is_put_again_is_what_was_put_last() -> None:
    products = Products()
    products.put(put(brand="Old", description="old", attributes={"colour": "red"}))

    products.put(put(sku="CD-2", brand="New", status="DISCONTINUED"))

    product = products.products[CD]
    assert (product.sku, product.brand, product.status) == ("CD-2", "New", "DISCONTINUED")
    assert (product.description, product.attributes) == (None, {})


def test_prices_are_added_and_none_is_taken_away() -> None:
    products, first, second = Products(), a_price(999), a_price(1099, NOW + A_DAY)
    products.put(put(prices=(first,)))

    assert products.put(put(prices=(second,))).prices == (first, second)
    assert products.put(put()).prices == (first, second)


def test_a_price_that_is_known_cannot_be_changed() -> None:
    products, known = Products(), a_price(999)
    products.put(put(prices=(known,)))

    told = products.put(put(prices=(known.model_copy(update={"price_minor": 1}),)))

    assert told.prices == (known,)
    assert products.products[CD].new_prices == [known]


def test_a_price_holds_from_its_beginning_up_to_its_end() -> None:
    price = a_price(999, NOW, NOW + A_DAY)

    assert amounts_at(NOW - timedelta(microseconds=1), price) == []
    assert amounts_at(NOW, price) == [999]
    assert amounts_at(NOW + A_DAY - timedelta(microseconds=1), price) == [999]
    assert amounts_at(NOW + A_DAY, price) == []


def test_of_several_prices_the_one_that_began_last_holds_however_they_were_added() -> None:
    old, new, future = a_price(999, NOW - A_DAY), a_price(899, NOW), a_price(1, NOW + A_DAY)

    assert amounts_at(NOW, new, future, old) == [899]
    assert amounts_at(NOW, old, new, future) == [899]
    assert amounts_at(NOW + 2 * A_DAY, old, new, future) == [1]


def test_when_a_sale_is_over_the_earlier_price_holds_again() -> None:
    regular, sale = a_price(999, NOW - A_DAY), a_price(499, NOW, NOW + A_DAY)

    assert amounts_at(NOW, regular, sale) == [499]
    assert amounts_at(NOW + A_DAY, regular, sale) == [999]


def test_each_currency_has_a_price_of_its_own() -> None:
    assert sorted(amounts_at(NOW, a_price(999), a_price(899, currency="EUR"))) == [899, 999]


def test_a_price_of_nothing_is_a_price_and_a_negative_one_is_none() -> None:
    assert amounts_at(NOW, a_price(0)) == [0]
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        a_price(-1)


def test_a_price_that_begins_or_ends_in_no_time_zone_is_refused() -> None:
    """It could not be compared with any other: the product could be neither shown nor sold."""
    with pytest.raises(ValidationError, match="effective_from"):
        a_price(starts=NOW.replace(tzinfo=None))
    with pytest.raises(ValidationError, match="effective_to"):
        a_price(ends=NOW.replace(tzinfo=None))


def test_readers_see_the_product_with_the_prices_of_this_moment_in_decimals() -> None:
    products = Products()
    products.put(
        put(brand="B", attributes={"colour": "red"}, prices=(a_price(999, NOW - A_DAY), a_price(1, NOW + A_DAY)))
    )

    view = products.view(CD, NOW)

    assert view is not None
    assert (view.model, view.identity, view.part, view.version) == ("product", str(CD), "catalog", 1)
    assert (view.body["name"], view.body["brand"], view.body["attributes"]) == ("A CD", "B", {"colour": "red"})
    assert [(price["price"], price["currency"]) for price in view.body["prices"]] == [("9.99", "USD")]
    assert products.view(uuid4(), NOW) is None


def test_views_of_one_product_can_be_told_apart_by_their_version() -> None:
    products = Products()
    products.put(put())
    before = products.view(CD, NOW)
    products.put(put())
    after = products.view(CD, NOW)

    assert before is not None
    assert after == replace(before, version=2)
