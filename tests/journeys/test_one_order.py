"""One order through the whole platform: every store, the gateway and the carrier agree on what became of it."""

from contexts.orders.payment import payment_id
from tests.persistence.virtual_host import eventually

from .shop import DECLINED_CARD, UNSERVED, Fate, Shop

COMPLETED = Fate(
    order="COMPLETED",
    reason=None,
    journey="COMPLETED",
    payment="CAPTURED",
    captured_minor=2 * 1299,
    holds=frozenset({"SHIPPED"}),
    shipment="SCHEDULED",
    charged="captured",
    booked="booked",
)


def test_an_order_is_reserved_paid_and_shipped(shop: Shop) -> None:
    product_id = shop.stock(10)
    order = shop.order(product_id, 2)
    shop.place(order)
    shop.wait_until_final(order)

    assert shop.fate(order) == COMPLETED
    assert shop.counters(product_id) == (8, 0)
    (charge,) = shop.platform.at_gateway(payment_id(order.order_id))
    assert (charge["captured_minor"], charge["refunded_minor"]) == (2 * 1299, 0)
    eventually(lambda: shop.told(order) == [("order_completed", "SENT")])
    trail = shop.platform.rows(
        "coordination",
        "SELECT event_type FROM workflow_events WHERE workflow_id = %s ORDER BY sequence",
        order.order_id,
    )
    assert [kind for (kind,) in trail] == ["JourneyBegun", *["StepDone"] * 4, "JourneyCompleted"]


def test_a_declined_card_gives_the_stock_back_and_nothing_is_charged_or_shipped(shop: Shop) -> None:
    product_id = shop.stock(10)
    order = shop.order(product_id, 2, card=DECLINED_CARD)
    shop.place(order)
    shop.wait_until_final(order)

    released = frozenset({"RELEASED"})
    assert shop.fate(order) == Fate(
        "REJECTED", "pay_refused", "UNDONE", "DECLINED", 0, released, shipment=None, charged=None, booked=None
    )
    assert shop.counters(product_id) == (10, 0)
    eventually(lambda: shop.told(order) == [("order_rejected", "SENT")])


def test_an_order_of_more_than_there_is_touches_nothing(shop: Shop) -> None:
    product_id = shop.stock(3)
    order = shop.order(product_id, 4)
    shop.place(order)
    shop.wait_until_final(order)

    assert shop.fate(order) == Fate(
        "REJECTED", "reserve_refused", "UNDONE", None, 0, frozenset(), shipment=None, charged=None, booked=None
    )
    assert shop.counters(product_id) == (3, 0)
    eventually(lambda: shop.told(order) == [("order_rejected", "SENT")])


def test_an_order_that_the_carrier_refuses_is_neither_charged_nor_held(shop: Shop) -> None:
    product_id = shop.stock(10)
    order = shop.order(product_id, 2, to=UNSERVED)
    shop.place(order)
    shop.wait_until_final(order)

    released = frozenset({"RELEASED"})
    assert shop.fate(order) == Fate(
        "REJECTED", "ship_refused", "UNDONE", "VOIDED", 0, released, "REFUSED", charged="voided", booked="refused"
    )
    assert shop.counters(product_id) == (10, 0)
    eventually(lambda: shop.told(order) == [("order_rejected", "SENT")])


def test_an_order_that_is_placed_three_times_has_one_effect(shop: Shop) -> None:
    product_id = shop.stock(100)
    orders = [shop.order(product_id, 2) for _ in range(10)]
    shop.place(*orders, times=3)
    # And once more under other message ids: the order is the same all the same.
    shop.place(*orders)
    shop.wait_until_final(*orders)

    assert {shop.fate(order) for order in orders} == {COMPLETED}
    assert shop.counters(product_id) == (80, 0)
    counts = "SELECT event_type, count(*) FROM order_events WHERE order_id = ANY(%s) GROUP BY 1"
    changes = dict(shop.platform.rows("orders", counts, [order.order_id for order in orders]))
    assert changes["OrderPlaced"] == changes["PaymentCaptured"] == changes["OrderCompleted"] == 10
    eventually(lambda: all(shop.told(order) == [("order_completed", "SENT")] for order in orders))


def test_an_order_whose_carrier_does_not_answer_in_time_is_undone(shop: Shop) -> None:
    product_id = shop.stock(10)
    order = shop.order(product_id, 2)
    shop.platform.terminate("delivery")
    shop.place(order)
    step = "SELECT 1 FROM sagas WHERE id = %s AND current_step = 'ship'"
    eventually(lambda: shop.platform.rows("coordination", step, order.order_id))
    overdue = "UPDATE sagas SET due_at = now(), look_at = now() WHERE id = %s RETURNING 1"
    shop.platform.rows("coordination", overdue, order.order_id)
    # The scheduler's next tick finds it.
    given_up = "SELECT 1 FROM sagas WHERE id = %s AND status = 'COMPENSATING'"
    eventually(lambda: shop.platform.rows("coordination", given_up, order.order_id))
    shop.platform.start("delivery")
    shop.wait_until_final(order, seconds=25)

    fate = shop.fate(order)
    assert (fate.order, fate.reason, fate.journey) == ("REJECTED", "ship_overdue", "UNDONE")
    assert (fate.payment, fate.charged, fate.holds) == ("VOIDED", "voided", frozenset({"RELEASED"}))
    assert fate.shipment == "CANCELLED"
    assert fate.booked in (None, "cancelled")
    assert shop.counters(product_id) == (10, 0)
