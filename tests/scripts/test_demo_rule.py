"""Which orders are to fail, and what is to be captured."""

from collections import Counter
from datetime import date
from uuid import uuid4

import orjson

from demonstration import outcomes
from demonstration.catalogue import product_id
from demonstration.cdnow import Purchase
from demonstration.customers import order_body
from demonstration.outcomes import COMPLETED, Fate


def purchases(count: int, cents: int = 1_000) -> list[Purchase]:
    return [Purchase(number, date(1997, 1, 1), 3, cents) for number in range(count)]


def test_of_a_thousand_orders_twenty_meet_a_declined_card_ten_too_little_stock_and_ten_no_carrier() -> None:
    found = Counter(order.outcome for order in outcomes.planned(purchases(1_000)))
    assert found == {COMPLETED: 960, "pay_refused": 20, "reserve_refused": 10, "ship_refused": 10}


def test_the_rule_counts_from_one() -> None:
    fates = {order.number: order.fate for order in outcomes.planned(purchases(100))}
    assert [number for number, fate in fates.items() if fate is not Fate.ORDINARY] == [33, 50, 66, 75]


def test_what_is_worth_nothing_needs_no_card() -> None:
    fates = Counter(order.fate for order in outcomes.planned(purchases(100, cents=0)))
    assert fates[Fate.DECLINED_CARD] == 0


def test_only_ordinary_purchases_are_to_be_captured() -> None:
    assert outcomes.expected_cents(outcomes.planned(purchases(100))) == 96_000


def test_units_that_are_sold_are_fewer_than_those_held_for_a_while() -> None:
    planned = outcomes.planned(purchases(100))
    assert outcomes.units_sold(planned) == {333: 2 * 96, 334: 96}
    assert outcomes.units_held(planned) == {333: 2 * 99, 334: 99}


def test_each_exceptional_order_differs_in_what_makes_it_fail() -> None:
    purchase = purchases(1)[0]
    bodies = {fate: orjson.loads(order_body(purchase, fate)) for fate in Fate}
    assert bodies[Fate.ORDINARY]["lines"][0] == {"product_id": str(product_id(333)), "quantity": 2}
    assert bodies[Fate.DECLINED_CARD]["payment"]["token"] == "tok_chargeDeclined"
    assert bodies[Fate.MORE_THAN_THERE_IS]["lines"][0]["quantity"] == 10_000
    assert bodies[Fate.NO_CARRIER]["shipping_address"]["postal_code"].startswith("REFUSE")


def test_an_order_that_came_out_otherwise_is_a_surprise_in_a_sentence() -> None:
    order = outcomes.planned(purchases(1))[0]
    order_id = uuid4()
    assert outcomes.surprises({order_id: order}, {order_id: COMPLETED}) == []
    (sentence,) = outcomes.surprises({order_id: order}, {order_id: "pay_overdue"})
    assert str(order_id) in sentence
    assert "completed" in sentence
    assert "pay_overdue" in sentence
