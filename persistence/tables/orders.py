"""The orders context's tables: orders, lines, payments, events, and its own copy of the catalog's prices."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Uuid, text

from persistence.tables.columns import (
    context_metadata,
    currency,
    document,
    identity,
    moment,
    moment_of_writing,
    money,
    money_from_zero,
    required_moment,
)
from persistence.tables.messaging import add_messaging_tables
from persistence.tables.reconciliation import add_reconciliation_tables, change_index

METADATA = context_metadata()
MESSAGING = add_messaging_tables(METADATA)

orders = Table(
    "orders",
    METADATA,
    identity(),
    Column("order_number", String(50), nullable=False, unique=True),
    Column("customer_id", Uuid, nullable=False),
    Column("status", String(50), nullable=False, server_default="PENDING"),
    money("total_amount"),
    currency(),
    document("shipping_address", nullable=False),
    document("billing_address", nullable=False),
    moment_of_writing("created_at"),
    moment_of_writing("updated_at"),
    moment("completed_at"),
    Column("customer_email", String(320)),
    Column("customer_phone", String(32)),
    document("metadata"),
    Column("rejection_reason", String(100)),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("return_reason", String(100)),
    moment("returned_at"),
    Column("return_refusal", String(100)),
    CheckConstraint("total_amount >= 0", name="total_amount"),
    Index("idx_customer_id", "customer_id"),
    Index("idx_orders_status", "status"),
    Index("idx_orders_created_at", "created_at"),
    Index("idx_order_number", "order_number"),
    Index("idx_orders_customer_status", "customer_id", "status"),
    Index("idx_orders_created_status", text("created_at DESC"), "status"),
    Index("idx_order_metadata", "metadata", postgresql_using="gin"),
    postgresql_with={"fillfactor": 70},
)

order_items = Table(
    "order_items",
    METADATA,
    identity(),
    Column("order_id", Uuid, ForeignKey("orders.id"), nullable=False),
    Column("product_id", Uuid, nullable=False),
    Column("quantity", Integer, nullable=False),
    money("unit_price"),
    money("total_price"),
    money_from_zero("discount_amount", nullable=True),
    money_from_zero("tax_amount", nullable=True),
    Column("sku", String(100)),
    Column("name", String(255)),
    CheckConstraint("quantity > 0", name="quantity"),
    Index("idx_order_items_order_id", "order_id"),
    Index("idx_product_id", "product_id"),
)

payments = Table(
    "payments",
    METADATA,
    identity(),
    Column("order_id", Uuid, ForeignKey("orders.id"), nullable=False),
    Column("payment_method", String(50), nullable=False),
    money("amount"),
    currency(),
    Column("status", String(50), nullable=False, server_default="PENDING"),
    Column("gateway_transaction_id", String(255)),
    document("gateway_response"),
    moment("processed_at"),
    moment_of_writing("created_at"),
    Column("card_brand", String(20)),
    Column("card_last_four", String(4)),
    money_from_zero("captured_amount"),
    money_from_zero("refunded_amount"),
    Column("failure_code", String(100)),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    moment_of_writing("updated_at"),
    Column("version", Integer, nullable=False, server_default=text("1")),
    CheckConstraint(
        "0 <= refunded_amount AND refunded_amount <= captured_amount AND captured_amount <= amount", name="amounts"
    ),
    Index("idx_payments_order_id", "order_id"),
    Index("idx_payments_status", "status"),
    Index("idx_gateway_transaction_id", "gateway_transaction_id"),
    change_index("idx_payments_updated_at"),
    postgresql_with={"fillfactor": 70},
)

order_events = Table(
    "order_events",
    METADATA,
    identity(),
    Column("order_id", Uuid, ForeignKey("orders.id"), nullable=False),
    Column("event_type", String(100), nullable=False),
    document("payload", nullable=False),
    moment_of_writing("created_at"),
    Column("created_by", Uuid),
    Column("sequence", Integer, nullable=False, server_default=text("0")),
    Index("idx_order_events_order_id", "order_id"),
    Index("idx_order_events_created_at", "created_at"),
)

# Kept by the catalog's events; a total is computed from these rows, never from what a client says.
price_copies = Table(
    "price_copies",
    METADATA,
    Column("id", Uuid, primary_key=True),  # the catalog's price id
    Column("product_id", Uuid, nullable=False),
    Column("sku", String(100), nullable=False),
    Column("name", String(255), nullable=False),
    money("price"),
    currency(default=None),
    Column("price_type", String(50), nullable=False),
    required_moment("effective_from"),
    moment("effective_to"),
    Column("product_status", String(50), nullable=False),
    Column("product_version", Integer, nullable=False),
    Index("idx_price_copies_product_effective", "product_id", "effective_from"),
)

reconciliations, payment_discrepancies = add_reconciliation_tables(METADATA, "payment")
