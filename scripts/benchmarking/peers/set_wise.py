"""The steps of a hundred orders at once: a statement a table, with one array a column as its parameters.

The rows are those of `steps`. An array for each column that a statement needs was the fastest way that was measured
(docs/decisions/0008-rows-travel-as-arrays.md).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import LiteralString
from uuid import UUID

from benchmarking.peers import rows
from benchmarking.peers.connections import connection
from benchmarking.peers.steps import OutOfStock
from benchmarking.workload import OneLineOrder
from persistence.setwise import array_text

_TYPES: Mapping[str, LiteralString] = {
    "id": "uuid",
    "number": "text",
    "customer_id": "uuid",
    "email": "text",
    "product_id": "uuid",
    "sku": "text",
    "quantity": "int",
    "unit_cents": "int",
    "payment_id": "uuid",
    "shipment_id": "uuid",
}


def _batch(names: LiteralString) -> LiteralString:
    """Return the batch as a table of these columns."""
    arrays = ", ".join([f"%({name})s::{_TYPES[name]}[]" for name in names.split(", ")])
    return f"unnest({arrays}) AS o({names})"  # of literals only


_ORDERS: LiteralString = f"""
    INSERT INTO orders (id, order_number, customer_id, status, total_amount, currency, shipping_address,
                        billing_address, customer_email)
    SELECT id, number, customer_id, 'PENDING', unit_cents * quantity / 100.0, 'USD', %(address)s::jsonb,
           %(address)s::jsonb, email
    FROM {_batch("id, number, customer_id, unit_cents, quantity, email")}
"""
_ITEMS: LiteralString = f"""
    INSERT INTO order_items (order_id, product_id, quantity, unit_price, total_price, sku, name)
    SELECT id, product_id, quantity, unit_cents / 100.0, unit_cents * quantity / 100.0, sku, 'Compact disc'
    FROM {_batch("id, product_id, quantity, unit_cents, sku")}
"""
_PLACED: LiteralString = f"""
    INSERT INTO order_events (order_id, event_type, payload, sequence)
    SELECT id, 'OrderPlaced', jsonb_build_object('total_minor', unit_cents * quantity, 'currency', 'USD'), 1
    FROM {_batch("id, unit_cents, quantity")}
"""
_RESERVATIONS: LiteralString = f"""
    INSERT INTO inventory_reservations (order_id, product_id, warehouse_id, quantity, status, expires_at)
    SELECT id, product_id, %(warehouse)s, quantity, 'ACTIVE', now() + interval '1 hour'
    FROM {_batch("id, product_id, quantity")}
"""
_LEVELS: LiteralString = f"""
    SELECT i.product_id, i.quantity_available FROM inventory i
    WHERE i.warehouse_id = %(warehouse)s AND i.product_id IN (SELECT product_id FROM {_batch("product_id")})
    ORDER BY i.product_id FOR UPDATE
"""
# Levels after all of the batch; each movement's counters are those after its own place in the batch.
_HOLD: LiteralString = f"""
    UPDATE inventory SET quantity_reserved = quantity_reserved + sold.units, last_updated = now(),
                         version = version + sold.times
    FROM (SELECT product_id, sum(quantity)::int AS units, count(*)::int AS times
          FROM {_batch("product_id, quantity")} GROUP BY 1) AS sold
    WHERE inventory.product_id = sold.product_id AND inventory.warehouse_id = %(warehouse)s
"""
_RESERVED: LiteralString = f"""
    INSERT INTO inventory_movements (product_id, warehouse_id, movement_type, quantity, reference_type, reference_id,
                                     on_hand_after, reserved_after)
    SELECT o.product_id, i.warehouse_id, 'RESERVED', o.quantity, 'ORDER', o.id, i.quantity_on_hand,
           i.quantity_reserved - sum(o.quantity) OVER later + o.quantity
    FROM {_batch("id, product_id, quantity")}
    JOIN inventory i ON i.product_id = o.product_id AND i.warehouse_id = %(warehouse)s
    WINDOW later AS (PARTITION BY o.product_id ORDER BY o.id DESC)
"""
_PAYMENTS: LiteralString = f"""
    INSERT INTO payments (id, order_id, payment_method, amount, currency, status, gateway_transaction_id, processed_at,
                          card_brand, card_last_four, attempts)
    SELECT payment_id, id, 'card', unit_cents * quantity / 100.0, 'USD', 'AUTHORIZED', 'ch_' || payment_id, now(),
           'visa', '4242', 1
    FROM {_batch("payment_id, id, unit_cents, quantity")}
"""
_PAYMENT_EVENT: LiteralString = """
    jsonb_build_object('status', kind.status, 'transaction_id', CASE WHEN kind.place > 1 THEN 'ch_' || payment_id END,
                       'captured_minor', CASE WHEN kind.place = 4 THEN unit_cents * quantity ELSE 0 END,
                       'refunded_minor', 0, 'failure_code', NULL)
"""
_ASKED: LiteralString = f"""
    INSERT INTO order_events (order_id, event_type, payload, sequence)
    SELECT id, 'Payment' || initcap(kind.status), {_PAYMENT_EVENT}, kind.place
    FROM {_batch("id, payment_id, unit_cents, quantity")}
    , (VALUES ('AUTHORIZING', 1), ('AUTHORIZED', 2)) AS kind(status, place)
"""
_SHIPMENTS: LiteralString = f"""
    INSERT INTO shipments (id, order_id, carrier, tracking_number, status, shipping_method, estimated_delivery,
                           shipping_address, shipped_at, attempts, updated_at)
    SELECT shipment_id, id, 'sandbox', 'TRK' || shipment_id, 'SCHEDULED', 'STANDARD', current_date + 3,
           %(address)s::jsonb, now(), 1, now()
    FROM {_batch("shipment_id, id")}
"""
_TRACKING: LiteralString = f"""
    INSERT INTO tracking_events (shipment_id, event_type, description, occurred_at)
    SELECT shipment_id, 'SCHEDULED', 'The carrier will fetch the parcel', now() FROM {_batch("shipment_id")}
"""
_SHIPPED: LiteralString = f"""
    UPDATE inventory_reservations AS held SET status = 'SHIPPED', shipped_at = now()
    FROM {_batch("id")} WHERE held.order_id = o.id AND held.status = 'ACTIVE'
"""
_LEAVE: LiteralString = f"""
    UPDATE inventory SET quantity_on_hand = quantity_on_hand - sold.units,
                         quantity_reserved = quantity_reserved - sold.units, last_updated = now(),
                         version = version + sold.times
    FROM (SELECT product_id, sum(quantity)::int AS units, count(*)::int AS times
          FROM {_batch("product_id, quantity")} GROUP BY 1) AS sold
    WHERE inventory.product_id = sold.product_id AND inventory.warehouse_id = %(warehouse)s
"""
_LEFT: LiteralString = f"""
    INSERT INTO inventory_movements (product_id, warehouse_id, movement_type, quantity, reference_type, reference_id,
                                     on_hand_after, reserved_after)
    SELECT o.product_id, i.warehouse_id, 'SHIPPED', o.quantity, 'ORDER', o.id,
           i.quantity_on_hand + sum(o.quantity) OVER later - o.quantity,
           i.quantity_reserved + sum(o.quantity) OVER later - o.quantity
    FROM {_batch("id, product_id, quantity")}
    JOIN inventory i ON i.product_id = o.product_id AND i.warehouse_id = %(warehouse)s
    WINDOW later AS (PARTITION BY o.product_id ORDER BY o.id DESC)
"""
_COMPLETED: LiteralString = f"""
    UPDATE orders AS placed SET status = 'COMPLETED', completed_at = clock_timestamp(),
                                updated_at = clock_timestamp(), version = placed.version + 1
    FROM {_batch("id")} WHERE placed.id = o.id
"""
_CAPTURED: LiteralString = f"""
    UPDATE payments AS paid SET status = 'CAPTURED', captured_amount = amount, processed_at = now(), updated_at = now(),
                                version = paid.version + 1
    FROM {_batch("payment_id")} WHERE paid.id = o.payment_id
"""
_CLOSED: LiteralString = f"""
    INSERT INTO order_events (order_id, event_type, payload, sequence)
    SELECT id, 'Payment' || initcap(kind.status), {_PAYMENT_EVENT}, kind.place
    FROM {_batch("id, payment_id, unit_cents, quantity")}
    , (VALUES ('CAPTURING', 3), ('CAPTURED', 4)) AS kind(status, place)
    UNION ALL SELECT id, 'OrderCompleted', '{{}}', 2 FROM {_batch("id")}
"""


def complete(batch: Sequence[OneLineOrder]) -> None:
    """Take a batch of orders through all steps. Raises `OutOfStock`, with nothing of that step written."""
    columns = zip(_TYPES, zip(*(itemgetter(*_TYPES)(order) for order in batch), strict=True), strict=True)
    parameters: dict[str, object] = {name: array_text(values) for name, values in columns}
    parameters |= {"address": rows.ADDRESS, "warehouse": rows.WAREHOUSE}
    _write("orders", parameters, _ORDERS, _ITEMS, _PLACED)
    _reserve(batch, parameters)
    _write("orders", parameters, _PAYMENTS, _ASKED)
    _write("delivery", parameters, _SHIPMENTS, _TRACKING)
    # The levels are locked in one order, or two batches could wait for each other.
    _write("inventory", parameters, _LEVELS, _SHIPPED, _LEAVE, _LEFT)
    _write("orders", parameters, _CAPTURED, _CLOSED, _COMPLETED)


def _write(context: str, parameters: Mapping[str, object], *statements: LiteralString) -> None:
    database = connection(context)
    with database.transaction():
        for statement in statements:
            database.execute(statement, parameters)


def _reserve(batch: Sequence[OneLineOrder], parameters: Mapping[str, object]) -> None:
    wanted: Counter[UUID] = Counter()
    for order in batch:
        wanted[UUID(order["product_id"])] += order["quantity"]
    with connection("inventory").transaction():
        available = dict(connection("inventory").execute(_LEVELS, parameters).fetchall())
        for product_id, quantity in wanted.items():
            if available.get(product_id, 0) < quantity:
                raise OutOfStock(f"{quantity} of product {product_id} wanted, {available.get(product_id, 0)} there")
        _write("inventory", parameters, _RESERVATIONS, _HOLD, _RESERVED)
