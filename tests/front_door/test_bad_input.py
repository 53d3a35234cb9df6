"""Whatever is wrong with a request is told as a problem that names the member, and nothing is enqueued."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

ADDRESS = {"name": "J", "street": "1 Rd", "city": "X", "postal_code": "1", "country": "US"}


@pytest.fixture(autouse=True)
def nothing_is_enqueued(door: Any) -> Iterator[None]:
    """Every test here ends with an empty queue."""
    yield
    assert door.queued() == []


def assert_problem(answer: Any, status: int, slug: str, pointers: list[str] | None = None) -> None:
    """The answer is a whole problem of this kind that names these members."""
    assert (status, "application/problem+json") == (answer.status, answer.headers["Content-Type"])
    assert (status, f"/problems/{slug}") == (answer.content["status"], answer.content["type"])
    assert answer.content["title"]
    assert answer.content["detail"]
    assert len(answer.content["trace_id"]) == 32
    if pointers is not None:
        assert answer.pointers() == pointers


def line(product_id: object, quantity: object) -> dict[str, object]:
    """Return one line as a client writes it."""
    return {"product_id": str(product_id), "quantity": quantity}


@pytest.mark.parametrize("quantity", [0, -1, 10_001, 10**30, 1.5, "2", True, None])
def test_a_quantity_that_is_none_is_refused(door: Any, product: UUID, quantity: object) -> None:
    answer = door.post(door.an_order(lines=[line(product, 1), line(uuid4(), quantity)]))

    assert_problem(answer, 422, "invalid-order", ["/lines/1/quantity"])


def test_a_product_cannot_be_asked_for_beyond_the_limit_on_several_lines(door: Any, product: UUID) -> None:
    answer = door.post(door.an_order((product, 6_000), (product, 4_001)))

    assert_problem(answer, 422, "invalid-order", ["/lines/1/quantity"])


def test_an_order_worth_more_than_an_amount_can_hold_is_refused(
    door: Any, on_sale: Callable[..., UUID], views: Any
) -> None:
    dear = on_sale(prices=[views.price("10000.00")])

    answer = door.post(door.an_order((dear, 10_000)))

    assert_problem(answer, 422, "invalid-order", ["/lines"])


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"lines": []}, ["/lines"]),
        ({"lines": "two"}, ["/lines"]),
        ({"lines": [{"quantity": 1}]}, ["/lines/0/product_id"]),
        ({"lines": [line("no-uuid", 1)]}, ["/lines/0/product_id"]),
        ({"lines": [line(uuid4(), 1)] * 101}, ["/lines"]),
        ({"lines": [{**line(uuid4(), 1), "price": 1}]}, ["/lines/0/price"]),
        ({"currency": "XXX"}, ["/currency"]),
        ({"currency": "usd"}, ["/currency"]),
        ({"currency": 840}, ["/currency"]),
        ({"total": 5}, ["/total"]),
        ({"customer": {"email": "nobody"}}, ["/customer/email"]),
        ({"customer": {"email": "a@b\n"}}, ["/customer/email"]),
        ({"customer": {"email": "a" * 320 + "@b"}}, ["/customer/email"]),
        ({"customer": {}}, ["/customer/email"]),
        ({"customer": {"id": 5, "email": "a@b"}}, ["/customer/id"]),
        ({"shipping_address": {**ADDRESS, "country": "USA"}}, ["/shipping_address/country"]),
        ({"shipping_address": {**ADDRESS, "city": ""}}, ["/shipping_address/city"]),
        ({"shipping_address": {**ADDRESS, "city": "a\0b"}}, ["/shipping_address/city"]),
        ({"shipping_address": {**ADDRESS, "a~b/c": 1}}, ["/shipping_address/a~0b~1c"]),
        ({"shipping_address": None}, ["/shipping_address"]),
        ({"billing_address": {**ADDRESS, "name": 7}}, ["/billing_address/name"]),
        ({"shipping_method": "x" * 51}, ["/shipping_method"]),
        ({"payment": {"method": "cash", "token": "tok_visa"}}, ["/payment/method"]),
        ({"payment": {"method": "card", "token": "4242424242424242"}}, ["/payment/token"]),
        ({"payment": {"method": "card", "token": "tok_visa", "cvv": "123"}}, ["/payment/cvv"]),
        ({"metadata": {}}, ["/metadata"]),
    ],
)
def test_a_member_that_is_wrong_is_named(door: Any, changes: dict[str, Any], pointers: list[str]) -> None:
    answer = door.post(door.an_order((uuid4(), 1), **changes))

    assert_problem(answer, 422, "invalid-order", pointers)


def test_everything_that_is_wrong_is_named_at_once(door: Any) -> None:
    answer = door.post({"lines": [line(uuid4(), 0)], "currency": "XXX"})

    assert_problem(answer, 422, "invalid-order")
    expected = {"/lines/0/quantity", "/currency", "/customer", "/shipping_address", "/payment"}
    assert set(answer.pointers()) == expected


def test_a_card_number_is_not_repeated_in_the_answer(door: Any, product: UUID) -> None:
    answer = door.post(door.an_order((product, 1), payment={"method": "card", "token": "4242424242424242"}))

    assert "4242" not in str(answer.content)


def test_an_unknown_product_is_named_by_its_line(door: Any, product: UUID, owner: Any) -> None:
    owner("catalog")

    answer = door.post(door.an_order((product, 1), (uuid4(), 1), (product, 1)))

    assert_problem(answer, 422, "invalid-order", ["/lines/1/product_id"])


def test_an_unknown_product_given_first_is_named_by_its_first_line(door: Any, owner: Any) -> None:
    owner("catalog")
    unknown = uuid4()

    answer = door.post(door.an_order((unknown, 1), (unknown, 1)))

    assert_problem(answer, 422, "invalid-order", ["/lines/0/product_id"])


def test_a_product_that_is_not_on_sale_is_named(door: Any, on_sale: Callable[..., UUID]) -> None:
    answer = door.post(door.an_order((on_sale(status="DISCONTINUED"), 1)))

    assert_problem(answer, 422, "invalid-order", ["/lines/0/product_id"])


def test_a_currency_without_a_price_is_named(door: Any, product: UUID) -> None:
    answer = door.post(door.an_order((product, 1), currency="EUR"))

    assert_problem(answer, 422, "invalid-order", ["/currency"])


@pytest.mark.parametrize(
    ("begins", "ends"),
    [(timedelta(days=-1), timedelta(0)), (timedelta(days=-2), timedelta(days=-1)), (timedelta(hours=1), None)],
)
def test_a_price_that_is_over_or_yet_to_come_is_none(
    door: Any, on_sale: Callable[..., UUID], views: Any, begins: timedelta, ends: timedelta | None
) -> None:
    product = on_sale(prices=[views.price(begins=begins, ends=ends), views.price(currency="EUR")])

    answer = door.post(door.an_order((product, 1)))

    assert_problem(answer, 422, "invalid-order", ["/currency"])


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": NaN}', b"\xff\xfe", b'"\xed\xa0\x80"', b"[" * 500 + b"]" * 500])
def test_malformed_json_is_refused(door: Any, body: bytes) -> None:
    assert_problem(door.post(body), 400, "malformed-request")


@pytest.mark.parametrize("body", [b"null", b"[]", b"7", b'"text"'])
def test_json_that_is_no_object_is_refused(door: Any, body: bytes) -> None:
    assert_problem(door.post(body), 422, "invalid-order", [""])


def test_deep_json_with_escapes_is_refused_without_harm(door: Any) -> None:
    assert_problem(door.post(b"[" * 250 + b'"\\n"' + b"]" * 250), 422, "invalid-order")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_another_content_type_is_refused(door: Any, product: UUID, content_type: str) -> None:
    answer = door.post(door.an_order((product, 1)), Content_Type=content_type)

    assert_problem(answer, 415, "unsupported-media-type")


def test_a_body_over_the_limit_is_refused(door: Any, product: UUID) -> None:
    answer = door.post(door.an_order((product, 1), shipping_method="x" * 65_536))

    assert_problem(answer, 413, "body-too-large")


def test_a_body_that_is_not_compressed_as_it_says_is_refused(door: Any) -> None:
    assert_problem(door.post(b"no gzip at all", Content_Encoding="gzip"), 400, "malformed-request")


@pytest.mark.parametrize("key", [None, "", "with space", "k" * 256, "schlüssel"])
def test_an_order_without_a_proper_idempotency_key_is_refused(door: Any, product: UUID, key: str | None) -> None:
    assert_problem(door.post(door.an_order((product, 1)), key=key), 400, "idempotency-key-missing")


def test_an_address_that_does_not_exist_is_a_problem(door: Any) -> None:
    assert_problem(door.get("/v2/orders"), 404, "not-found")


def test_a_method_that_is_not_for_the_address_is_a_problem_that_says_what_is(door: Any) -> None:
    answer = door.get("/v1/orders")

    assert_problem(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == "POST"


def test_a_problem_carries_the_trace_id_of_its_request(door: Any) -> None:
    answer = door.get("/v1/products/none", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")

    assert answer.content["trace_id"] == "a" * 32


def test_a_bug_is_logged_under_the_trace_id_and_not_shown(
    door: Any, views: Any, caplog: pytest.LogCaptureFixture
) -> None:
    broken = views.keep("product", uuid4(), "catalog", {"secret": "of the house"})

    answer = door.post(door.an_order((broken, 1)))

    assert_problem(answer, 500, "internal-error")
    assert "secret" not in str(answer.content)
    assert answer.content["trace_id"] in caplog.text
    assert "KeyError" in caplog.text
