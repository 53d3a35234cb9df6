"""The steps of an order as the user of a framework writes them: one order, plain SQL, a transaction a step.

They write the rows that the platform writes for a completed order of one line. Two things are left out, which favours
the peers: nobody outside is asked (card network, carrier), and so the states in which the platform waits for an answer
are not stored first. Frameworks repeat a step after a crash: the first statement of each tells whether it was done.
"""

from typing import LiteralString

from benchmarking.peers import rows
from benchmarking.peers.connections import connection
from benchmarking.workload import OneLineOrder

_ORDER = """
    INSERT INTO orders (id, order_number, customer_id, status, total_amount, currency, shipping_address,
                        billing_address, customer_email)
    VALUES (%s, %s, %s, 'PENDING', %s, 'USD', %s, %s, %s) ON CONFLICT DO NOTHING
"""
_ITEM = """
    INSERT INTO order_items (order_id, product_id, quantity, unit_price, total_price, sku, name)
    VALUES (%s, %s, %s, %s, %s, %s, 'Compact disc')
"""
_EVENT = "INSERT INTO order_events (order_id, event_type, payload, sequence) VALUES (%s, %s, %s, %s)"
_TWO_EVENTS: LiteralString = f"{_EVENT}, (%s, %s, %s, %s)"
_THREE_EVENTS: LiteralString = f"{_TWO_EVENTS}, (%s, %s, %s, %s)"
_RESERVATION = """
    INSERT INTO inventory_reservations (order_id, product_id, warehouse_id, quantity, status, expires_at)
    VALUES (%s, %s, %s, %s, 'ACTIVE', now() + interval '1 hour') ON CONFLICT DO NOTHING
"""
_LEVEL = "SELECT quantity_available FROM inventory WHERE product_id = %s AND warehouse_id = %s FOR UPDATE"
_HOLD = """
    UPDATE inventory SET quantity_reserved = quantity_reserved + %s, last_updated = now(), version = version + 1
    WHERE product_id = %s AND warehouse_id = %s RETURNING quantity_on_hand, quantity_reserved
"""
_MOVEMENT = """
    INSERT INTO inventory_movements (product_id, warehouse_id, movement_type, quantity, reference_type, reference_id,
                                     on_hand_after, reserved_after)
    VALUES (%s, %s, %s, %s, 'ORDER', %s, %s, %s)
"""
_PAYMENT = """
    INSERT INTO payments (id, order_id, payment_method, amount, currency, status, gateway_transaction_id, processed_at,
                          card_brand, card_last_four, attempts)
    VALUES (%s, %s, 'card', %s, 'USD', 'AUTHORIZED', %s, now(), 'visa', '4242', 1) ON CONFLICT DO NOTHING
"""
_SHIPMENT = """
    INSERT INTO shipments (id, order_id, carrier, tracking_number, status, shipping_method, estimated_delivery,
                           shipping_address, shipped_at, attempts, updated_at)
    VALUES (%s, %s, 'sandbox', %s, 'SCHEDULED', 'STANDARD', current_date + 3, %s, now(), 1, now())
    ON CONFLICT DO NOTHING
"""
_TRACKING = """
    INSERT INTO tracking_events (shipment_id, event_type, description, occurred_at)
    VALUES (%s, 'SCHEDULED', 'The carrier will fetch the parcel', now())
"""
_SHIPPED = """
    UPDATE inventory_reservations SET status = 'SHIPPED', shipped_at = now() WHERE order_id = %s AND status = 'ACTIVE'
"""
_LEAVE = """
    UPDATE inventory SET quantity_on_hand = quantity_on_hand - %s, quantity_reserved = quantity_reserved - %s,
                         last_updated = now(), version = version + 1
    WHERE product_id = %s AND warehouse_id = %s RETURNING quantity_on_hand, quantity_reserved
"""
_COMPLETED = """
    UPDATE orders SET status = 'COMPLETED', completed_at = clock_timestamp(), updated_at = clock_timestamp(),
                      version = version + 1
    WHERE id = %s AND status = 'PENDING'
"""
_CAPTURED = """
    UPDATE payments SET status = 'CAPTURED', captured_amount = amount, processed_at = now(), updated_at = now(),
                        version = version + 1
    WHERE id = %s
"""


class OutOfStock(Exception):
    """Raised when an order asks for more than there is; nothing was written."""


def place(order: OneLineOrder) -> None:
    """Open the order. Done by whoever starts it."""
    orders = connection("orders")
    total = rows.total(order)
    head = (order["id"], order["number"], order["customer_id"], total, rows.ADDRESS, rows.ADDRESS, order["email"])
    line = (order["id"], order["product_id"], order["quantity"], total / order["quantity"], total, order["sku"])
    with orders.transaction():
        if orders.execute(_ORDER, head).rowcount:
            orders.execute(_ITEM, line)
            orders.execute(_EVENT, (order["id"], "OrderPlaced", rows.placed_event(order), 1))


def reserve(order: OneLineOrder) -> None:
    """Hold the stock, checked under the lock of its level. Raises `OutOfStock`."""
    inventory = connection("inventory")
    place, quantity = (order["product_id"], rows.WAREHOUSE), order["quantity"]
    with inventory.transaction():
        if not inventory.execute(_RESERVATION, (order["id"], *place, quantity)).rowcount:
            return
        level = inventory.execute(_LEVEL, place).fetchone()
        if level is None or level[0] < quantity:
            raise OutOfStock(f"{quantity} of product {order['product_id']} wanted, {level[0] if level else 0} there")
        counters = inventory.execute(_HOLD, (quantity, *place)).fetchone() or ()
        inventory.execute(_MOVEMENT, (*place, "RESERVED", quantity, order["id"], *counters))


def pay(order: OneLineOrder) -> None:
    """Authorise the payment."""
    orders = connection("orders")
    payment = (order["payment_id"], order["id"], rows.total(order), rows.transaction_id(order))
    asked = (order["id"], "PaymentAuthorizing", rows.payment_event(order, "AUTHORIZING"), 1)
    answered = (order["id"], "PaymentAuthorized", rows.payment_event(order, "AUTHORIZED"), 2)
    with orders.transaction():
        if orders.execute(_PAYMENT, payment).rowcount:
            orders.execute(_TWO_EVENTS, (*asked, *answered))


def ship(order: OneLineOrder) -> None:
    """Book the parcel."""
    delivery = connection("delivery")
    shipment = (order["shipment_id"], order["id"], rows.tracking_number(order), rows.ADDRESS)
    with delivery.transaction():
        if delivery.execute(_SHIPMENT, shipment).rowcount:
            delivery.execute(_TRACKING, (order["shipment_id"],))


def complete(order: OneLineOrder) -> None:
    """Take the goods out of the warehouse, then the money, and close the order: two databases, two transactions."""
    _leave_warehouse(order)
    orders = connection("orders")
    asked = (order["id"], "PaymentCapturing", rows.payment_event(order, "CAPTURING"), 3)
    answered = (order["id"], "PaymentCaptured", rows.payment_event(order, "CAPTURED"), 4)
    closed = (order["id"], "OrderCompleted", "{}", 2)
    with orders.transaction():
        if orders.execute(_COMPLETED, (order["id"],)).rowcount:
            orders.execute(_CAPTURED, (order["payment_id"],))
            orders.execute(_THREE_EVENTS, (*asked, *answered, *closed))


def _leave_warehouse(order: OneLineOrder) -> None:
    inventory = connection("inventory")
    place, quantity = (order["product_id"], rows.WAREHOUSE), order["quantity"]
    with inventory.transaction():
        if inventory.execute(_SHIPPED, (order["id"],)).rowcount:
            counters = inventory.execute(_LEAVE, (quantity, quantity, *place)).fetchone() or ()
            inventory.execute(_MOVEMENT, (*place, "SHIPPED", quantity, order["id"], *counters))
