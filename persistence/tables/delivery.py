"""Delivery's tables: shipments, what carriers report about them, and how each carrier is reached."""

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, Integer, String, Table, Text, Uuid, text

from persistence.tables.columns import context_metadata, document, identity, moment, moment_of_writing, required_moment
from persistence.tables.messaging import add_messaging_tables
from persistence.tables.reconciliation import add_reconciliation_tables, change_index

METADATA = context_metadata()
MESSAGING = add_messaging_tables(METADATA)

shipments = Table(
    "shipments",
    METADATA,
    identity(),
    Column("order_id", Uuid, nullable=False),
    Column("carrier", String(50), nullable=False),
    Column("tracking_number", String(100), unique=True),
    Column("status", String(50), nullable=False, server_default="PENDING"),
    Column("shipping_method", String(50), nullable=False),
    Column("estimated_delivery", Date),
    moment("actual_delivery"),
    document("shipping_address", nullable=False),
    document("package_details"),
    moment_of_writing("created_at"),
    moment("shipped_at"),
    Column("refusal_code", String(100)),
    moment("cancelled_at"),
    Column("pieces", Integer, nullable=False, server_default=text("1")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    moment("updated_at"),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("recall_refusal", String(100)),
    Index("idx_order_id", "order_id"),
    Index("idx_tracking_number", "tracking_number"),
    Index("idx_status", "status"),
    Index("idx_shipments_carrier", "carrier"),
    change_index("idx_shipments_updated_at"),
    Index("idx_pending_shipments", "created_at", postgresql_where=text("status = 'PENDING'")),
    postgresql_with={"fillfactor": 70},
)

tracking_events = Table(
    "tracking_events",
    METADATA,
    identity(),
    Column("shipment_id", Uuid, ForeignKey("shipments.id"), nullable=False),
    Column("event_type", String(100), nullable=False),
    Column("location", String(255)),
    Column("description", Text),
    Column("carrier_status", String(100)),
    required_moment("occurred_at"),
    moment_of_writing("created_at"),
    Column("carrier_event_id", String(100), unique=True),
    Index("idx_shipment_id", "shipment_id"),
    Index("idx_occurred_at", "occurred_at"),
)

carrier_configs = Table(
    "carrier_configs",
    METADATA,
    identity(),
    Column("carrier", String(50), nullable=False, unique=True),
    Column("api_endpoint", String(255), nullable=False),
    document("credentials", nullable=False),  # values are sealed, see persistence.encryption
    document("settings"),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Index("idx_carrier_configs_carrier", "carrier"),
    Index("idx_active", "active"),
)

reconciliations, shipment_discrepancies = add_reconciliation_tables(METADATA, "shipment")
