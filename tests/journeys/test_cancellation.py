"""A customer's cancellation through the whole platform: undone before the parcel is booked, brought back after."""

from contexts.coordination.definitions import journey_id
from contexts.coordination.messages import CancelOrder
from contexts.orders.payment import payment_id
from tests.persistence.virtual_host import eventually

from .shop import Fate, Shop

RETURNED = Fate(
    order="RETURNED",
    reason=None,
    journey="COMPLETED",
    payment="REFUNDED",
    captured_minor=2 * 1299,
    holds=frozenset({"RETURNED"}),
    shipment="RECALLED",
    charged="refunded",
    booked="cancelled",
)


def test_a_completed_order_that_is_cancelled_comes_back_once(shop: Shop) -> None:
    product_id = shop.stock(10)
    order = shop.order(product_id, 2)
    shop.place(order)
    shop.wait_until_final(order)

    shop.platform.send(CancelOrder(order_id=order.order_id, reason="too many"), times=3)
    shop.platform.send(CancelOrder(order_id=order.order_id))
    ended = "SELECT 1 FROM sagas WHERE id = %s AND status = 'COMPLETED'"
    eventually(lambda: shop.platform.rows("coordination", ended, journey_id("return_order", order.order_id)), 25)
    shop.wait_until_final(order)

    assert shop.fate(order) == RETURNED
    assert shop.counters(product_id) == (10, 0)
    (charge,) = shop.platform.at_gateway(payment_id(order.order_id))
    assert (charge["captured_minor"], charge["refunded_minor"]) == (2 * 1299, 2 * 1299)
    eventually(lambda: shop.told(order) == [("order_completed", "SENT"), ("order_returned", "SENT")])
    moved = "SELECT movement_type FROM inventory_movements WHERE reference_id = %s ORDER BY created_at"
    kinds = [kind for (kind,) in shop.platform.rows("inventory", moved, order.order_id)]
    assert kinds == ["RESERVED", "SHIPPED", "RETURNED"]


def test_an_order_that_is_cancelled_before_it_is_paid_is_undone(shop: Shop) -> None:
    product_id = shop.stock(10)
    order = shop.order(product_id, 2)
    shop.platform.terminate("payments")
    shop.place(order)
    paying = "SELECT 1 FROM sagas WHERE id = %s AND current_step = 'pay'"
    eventually(lambda: shop.platform.rows("coordination", paying, order.order_id))

    shop.platform.send(CancelOrder(order_id=order.order_id))
    undoing = "SELECT 1 FROM sagas WHERE id = %s AND status = 'COMPENSATING'"
    eventually(lambda: shop.platform.rows("coordination", undoing, order.order_id))
    shop.platform.start("payments")
    shop.wait_until_final(order, seconds=25)

    fate = shop.fate(order)
    assert (fate.order, fate.reason, fate.journey, fate.captured_minor) == ("REJECTED", "cancelled", "UNDONE", 0)
    assert (fate.holds, fate.shipment) == (frozenset({"RELEASED"}), None)
    assert fate.charged in (None, "voided")
    assert shop.counters(product_id) == (10, 0)
    eventually(lambda: shop.told(order) == [("order_rejected", "SENT")])
