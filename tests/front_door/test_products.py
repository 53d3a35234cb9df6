"""A product is what the catalog tells of it, with what the inventory has."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from front_door.products import holds

from contexts.views import View


def stock(product_id: object, available: int) -> View:
    """Return what the inventory shows of a product."""
    return View("product", str(product_id), "stock", 1, {"available": available})


def test_a_product_whose_parts_are_kept_is_shown_without_a_question(door: Any, product: Any, views: Any) -> None:
    views.keep("product", product, "stock", {"available": 7})

    answer = door.get(f"/v1/products/{product}")

    assert answer.status == 200
    assert answer.content == {**views.catalog(product).body, "available_stock": 7}
    assert [door.queued("catalog.queries"), door.queued("inventory.queries")] == [[], []]


def test_a_part_that_is_not_kept_is_asked_of_its_owner(door: Any, product: Any, owner: Any) -> None:
    inventory = owner("inventory", stock(product, 3))

    answer = door.get(f"/v1/products/{product}")

    assert (answer.status, answer.content["available_stock"]) == (200, 3)
    assert [query.product_id for query in inventory.asked] == [product]


def test_both_parts_can_be_asked_for(door: Any, owner: Any, views: Any) -> None:
    product = uuid4()
    owner("catalog", views.catalog(product))
    owner("inventory", stock(product, 3))

    answer = door.get(f"/v1/products/{product}")

    assert answer.content == {**views.catalog(product).body, "available_stock": 3}


def test_a_product_that_the_inventory_never_heard_of_is_out_of_stock(door: Any, product: Any, owner: Any) -> None:
    owner("inventory")

    assert door.get(f"/v1/products/{product}").content["available_stock"] == 0


def test_a_product_is_shown_without_its_stock_when_the_inventory_is_silent(door: Any, product: Any) -> None:
    answer = door.get(f"/v1/products/{product}")

    assert (answer.status, answer.content["available_stock"]) == (200, None)
    assert answer.content["incomplete"] == ["stock"]


def test_an_unknown_product_is_not_found(door: Any, owner: Any) -> None:
    owner("catalog")

    answer = door.get(f"/v1/products/{uuid4()}")

    assert (answer.status, answer.content["type"]) == (404, "/problems/not-found")


def test_the_catalog_being_silent_is_a_time_out(door: Any) -> None:
    answer = door.get(f"/v1/products/{uuid4()}")

    assert (answer.status, answer.content["type"]) == (504, "/problems/no-answer-in-time")
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize(
    ("at", "expected"),
    [("11:59:59.999999", False), ("12:00:00", True), ("12:59:59.999999", True), ("13:00:00", False)],
)
def test_a_price_holds_from_its_beginning_up_to_but_not_at_its_end(at: str, expected: bool) -> None:
    begins, ends = "2024-01-01T12:00:00+00:00", "2024-01-01T15:00:00+02:00"
    price = {"currency": "USD", "effective_from": begins, "effective_to": ends}

    assert holds(price, "USD", datetime.fromisoformat(f"2024-01-01T{at}+00:00")) is expected
