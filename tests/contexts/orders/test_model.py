"""Orders are priced from the context's own copy of the catalogue, and end once."""

import re
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from contexts.catalog.messages import Price, ProductChanged
from contexts.identity import dated
from contexts.orders.messages import OrderCompleted, OrderPlaced, OrderRejected
from contexts.orders.model import NoPrice, Order, Orders, Status, WrongState
from contexts.orders.numbers import new_number
from tests.contexts.examples import NOW, a_place_order

CD, BOX = UUID(int=1), UUID(int=2)
A_DAY = timedelta(days=1)
LATER = NOW + timedelta(minutes=5)


def a_price(minor: int, starts: datetime = NOW, ends: datetime | None = None, currency: str = "USD") -> Price:
    return Price(id=uuid4(), price_minor=minor, currency=currency, effective_from=starts, effective_to=ends)


def told(
    product_id: UUID, *prices: Price, version: int = 1, name: str = "A CD", status: str = "ACTIVE"
) -> ProductChanged:
    return ProductChanged(
        product_id=product_id, version=version, sku=f"SKU-{product_id.int}", name=name, status=status, prices=prices
    )


def orders(*events: ProductChanged) -> Orders:
    known = Orders()
    for event in events:
        known.copy_prices(event)
    return known


def an_open_order() -> tuple[Orders, Order]:
    known, command = orders(told(CD, a_price(999))), a_place_order((CD, 2))
    known.place(command, NOW)
    return known, known.get(command.order_id)


def unit_prices(placed: OrderPlaced | OrderRejected) -> list[int]:
    return [line.unit_price_minor for line in placed.lines]


def test_an_order_comes_to_the_sum_of_its_lines_at_the_prices_of_the_catalog() -> None:
    known = orders(told(CD, a_price(999)), told(BOX, a_price(4999), name="A box"))

    placed = known.place(a_place_order((CD, 2), (BOX, 3)), NOW)

    assert [(line.sku, line.name, line.quantity, line.total_minor) for line in placed.lines] == [
        ("SKU-1", "A CD", 2, 1998),
        ("SKU-2", "A box", 3, 14997),
    ]
    assert (placed.total_minor, placed.currency) == (16995, "USD")


def test_an_order_is_priced_at_the_moment_it_is_placed() -> None:
    known = orders(told(CD, a_price(999, NOW - A_DAY, NOW), a_price(899, NOW, NOW + A_DAY), a_price(1, NOW + A_DAY)))

    assert unit_prices(known.place(a_place_order((CD, 1)), NOW - timedelta(microseconds=1))) == [999]
    assert unit_prices(known.place(a_place_order((CD, 1)), NOW)) == [899]
    assert unit_prices(known.place(a_place_order((CD, 1)), NOW + A_DAY)) == [1]


def test_of_several_prices_the_one_that_began_last_is_taken() -> None:
    regular, sale = a_price(999, NOW - A_DAY), a_price(499, NOW, NOW + A_DAY)

    for prices in ((regular, sale), (sale, regular)):
        assert unit_prices(orders(told(CD, *prices)).place(a_place_order((CD, 1)), NOW)) == [499]


def test_an_order_is_priced_in_its_own_currency() -> None:
    known = orders(told(CD, a_price(999), a_price(150_000, currency="JPY")))

    placed = known.place(a_place_order((CD, 2), currency="JPY"), NOW)

    assert (placed.total_minor, placed.currency) == (300_000, "JPY")


@pytest.mark.parametrize(
    "known",
    [orders(), orders(told(BOX, a_price(999))), orders(told(CD))],
    ids=["nothing known", "another product", "no price"],
)
def test_an_order_for_a_product_that_is_not_known_yet_is_not_opened(known: Orders) -> None:
    command = a_place_order((CD, 1))

    with pytest.raises(NoPrice, match=f"product {CD}"):
        known.place(command, NOW)

    assert known.orders == {}


@pytest.mark.parametrize(
    "event",
    [
        told(CD, a_price(999, currency="EUR")),
        told(CD, a_price(999, NOW + A_DAY)),
        told(CD, a_price(999, NOW - A_DAY, NOW)),
        told(CD, a_price(999), status="DISCONTINUED"),
    ],
    ids=["another currency", "not yet", "no longer", "discontinued"],
)
def test_an_order_for_what_is_not_on_sale_any_more_is_rejected_and_its_customer_told(event: ProductChanged) -> None:
    known, command = orders(event), a_place_order((CD, 2))

    for _ in range(2):
        rejected = known.place(command, NOW)

        assert isinstance(rejected, OrderRejected)
        assert (rejected.reason, rejected.total_minor) == ("not_on_sale", 0)
        assert [(line.product_id, line.quantity) for line in rejected.lines] == [(CD, 2)]
    assert [change.kind for change in known.get(command.order_id).events] == ["OrderPlaced", "OrderRejected"]


def test_a_special_price_goes_before_a_regular_one_that_began_later() -> None:
    regular = a_price(999, NOW)
    sale = a_price(499, NOW - A_DAY).model_copy(update={"price_type": "SALE"})

    for prices in ((regular, sale), (sale, regular)):
        assert unit_prices(orders(told(CD, *prices)).place(a_place_order((CD, 1)), NOW)) == [499]


def test_a_price_that_comes_late_lets_the_same_order_be_placed() -> None:
    known, command = orders(), a_place_order((CD, 1))
    with pytest.raises(NoPrice):
        known.place(command, NOW)

    known.copy_prices(told(CD, a_price(999)))

    assert known.place(command, NOW).total_minor == 999


def test_what_the_catalog_told_last_is_what_a_line_is_called_however_late_it_was_told() -> None:
    price = a_price(999)

    for events in ((told(CD, price, version=1, name="old"), told(CD, price, version=2, name="new")),) * 2:
        for sequence in (events, events[::-1]):
            (line,) = orders(*sequence).place(a_place_order((CD, 1)), NOW).lines
            assert line.name == "new"


def test_an_order_of_no_value_is_an_order() -> None:
    placed = orders(told(CD, a_price(0))).place(a_place_order((CD, 3)), NOW)

    assert (placed.total_minor, unit_prices(placed)) == (0, [0])


@pytest.mark.parametrize(("currency", "largest"), [("USD", 99_999_999_99), ("JPY", 99_999_999)])
def test_an_order_that_no_amount_can_hold_is_rejected(currency: str, largest: int) -> None:
    """Amounts are stored as DECIMAL(10, 2): eight digits before the point, whatever the currency."""
    known = orders(told(CD, a_price(largest, currency=currency)), told(BOX, a_price(1, currency=currency)))
    assert known.place(a_place_order((CD, 1), currency=currency), NOW).total_minor == largest
    command = a_place_order((CD, 1), (BOX, 1), currency=currency)

    rejected = known.place(command, NOW)

    assert isinstance(rejected, OrderRejected)
    assert (rejected.reason, rejected.total_minor) == ("too_large", 0)


def test_placing_twice_is_placing_once_whatever_became_of_the_price() -> None:
    known, command = orders(told(CD, a_price(999))), a_place_order((CD, 1))
    first = known.place(command, NOW)
    known.copy_prices(told(CD, a_price(1, LATER), version=2))

    again = known.place(command, LATER)

    assert again == first
    assert [event.kind for event in known.get(command.order_id).events] == ["OrderPlaced"]


def test_what_was_placed_says_what_the_journey_needs() -> None:
    command = a_place_order((CD, 1), shipping_method="EXPRESS")
    placed = orders(told(CD, a_price(999))).place(command, NOW)

    assert isinstance(placed, OrderPlaced)
    assert (placed.order_id, placed.customer_id) == (command.order_id, command.customer.id)
    assert (placed.shipping_address, placed.shipping_method) == (command.shipping_address, "EXPRESS")
    assert placed.card_token == command.payment.token


def test_an_order_has_a_number_that_people_can_read_out() -> None:
    known = orders(told(CD, a_price(999)))
    command = a_place_order((CD, 1), order_id=UUID("0123456789abcdef0123456789abcdef"))

    assert known.place(command, NOW).order_number == "FV-01234-56789-ABCDE"


def test_the_numbers_of_dated_orders_ascend_and_differ_within_one_millisecond() -> None:
    at = int(NOW.timestamp() * 1000)
    ids = [dated(uuid4(), at + number // 100) for number in range(300)]
    numbers = [new_number(one) for one in ids]

    assert all(re.fullmatch("FV(-[0-9A-HJKMNP-TV-Z]{6}){3}", one) for one in numbers)
    assert len(set(numbers)) == 300
    assert max(numbers[:100]) < min(numbers[100:200]) < max(numbers[100:200]) < min(numbers[200:])


def test_nobody_can_choose_the_number_of_a_dated_order_or_find_its_id_by_it() -> None:
    known, order_id = orders(told(CD, a_price(999))), dated(uuid4(), 1)
    placed = known.place(a_place_order((CD, 1), order_id=order_id), NOW)

    # Of one id come ever new numbers, so what they tell beside the time is not of the id.
    assert len({new_number(order_id) for _ in range(100)}) == 100
    assert known.place(a_place_order((CD, 1), order_id=order_id), NOW).order_number == placed.order_number


def test_a_completed_order_tells_what_a_mail_needs() -> None:
    known, order = an_open_order()

    told_of = order.complete(LATER)

    assert told_of == OrderCompleted(
        order_id=order.id,
        order_number=order.number,
        customer_id=order.customer_id,
        email="jane@shop.example",
        total_minor=1998,
        currency="USD",
        lines=order.lines,
    )
    assert (known.get(order.id).status, order.completed_at) == (Status.COMPLETED, LATER)


def test_completing_twice_is_completing_once() -> None:
    _, order = an_open_order()
    first = order.complete(LATER)

    assert order.complete(LATER + A_DAY) == first
    assert (order.completed_at, order.version) == (LATER, 2)


def test_rejecting_twice_is_rejecting_once_for_the_first_reason() -> None:
    _, order = an_open_order()
    first = order.reject("pay_refused", LATER)
    assert isinstance(first, OrderRejected)

    assert order.reject("ship_overdue", LATER + A_DAY) == first
    assert (first.reason, order.rejection_reason) == ("pay_refused", "pay_refused")
    assert (order.completed_at, order.version) == (LATER, 2)


def test_an_order_ends_one_way_only() -> None:
    _, completed = an_open_order()
    completed.complete(NOW)
    _, rejected = an_open_order()
    rejected.reject("expired", NOW)

    with pytest.raises(WrongState, match="cannot be rejected"):
        completed.reject("expired", LATER)
    with pytest.raises(WrongState, match="cannot be completed"):
        rejected.complete(LATER)

    assert (completed.status, completed.rejection_reason) == (Status.COMPLETED, None)
    assert (rejected.status, rejected.version) == (Status.REJECTED, 2)


def test_an_order_that_was_never_placed_is_a_fault() -> None:
    with pytest.raises(WrongState, match="never placed"):
        Orders().get(uuid4())
