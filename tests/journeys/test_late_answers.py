"""An answer that comes after the journey gave the step up: the order is undone all the same."""

from tests.persistence.virtual_host import eventually

from .shop import Shop


def test_a_shipment_that_was_booked_too_late_for_its_journey_is_undone_with_everything(shop: Shop) -> None:
    product_id = shop.stock(10)
    order = shop.order(product_id, 2)
    shop.platform.terminate("delivery")
    shop.place(order)
    step = "SELECT 1 FROM sagas WHERE id = %s AND current_step = 'ship'"
    eventually(lambda: shop.platform.rows("coordination", step, order.order_id))

    # The carrier books; the journey hears of it only after it gave the step up.
    shop.platform.terminate("coordination")
    shop.platform.start("delivery")
    scheduled = "SELECT 1 FROM shipments WHERE status = 'SCHEDULED' AND order_id = %s"
    eventually(lambda: shop.platform.rows("delivery", scheduled, order.order_id))
    eventually(lambda: not shop.platform.rows("delivery", "SELECT 1 FROM outbox"))
    late = shop.platform.host.take("coordination")
    overdue = "UPDATE sagas SET due_at = now(), look_at = now() WHERE id = %s RETURNING 1"
    shop.platform.rows("coordination", overdue, order.order_id)
    shop.platform.start("coordination")
    given_up = "SELECT 1 FROM sagas WHERE id = %s AND status <> 'RUNNING'"
    eventually(lambda: shop.platform.rows("coordination", given_up, order.order_id))
    shop.platform.host.put("coordination", *late)
    shop.wait_until_final(order, seconds=10)

    fate = shop.fate(order)
    assert (fate.journey, fate.payment, fate.shipment) == ("UNDONE", "VOIDED", "CANCELLED")
    assert shop.counters(product_id) == (10, 0)
