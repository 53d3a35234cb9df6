"""Inventory's tables: stock a warehouse and product, reservations an order, and the ledger of all movements."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    text,
)

from persistence.tables.columns import context_metadata, identity, moment, moment_of_writing, required_moment
from persistence.tables.messaging import add_messaging_tables

METADATA = context_metadata()
MESSAGING = add_messaging_tables(METADATA)

inventory = Table(
    "inventory",
    METADATA,
    identity(),
    Column("product_id", Uuid, nullable=False),
    Column("warehouse_id", Uuid, nullable=False),
    Column("quantity_on_hand", Integer, nullable=False, server_default=text("0")),
    Column("quantity_reserved", Integer, nullable=False, server_default=text("0")),
    Column("quantity_available", Integer, Computed("quantity_on_hand - quantity_reserved", persisted=True)),
    Column("reorder_point", Integer),
    Column("reorder_quantity", Integer),
    moment_of_writing("last_updated"),
    Column("version", Integer, nullable=False, server_default=text("1")),
    UniqueConstraint("product_id", "warehouse_id"),
    Index("idx_inventory_product_id", "product_id"),
    Index("idx_quantity_available", "quantity_available"),
    CheckConstraint("quantity_on_hand >= 0", name="quantity_on_hand"),
    CheckConstraint("quantity_reserved >= 0", name="quantity_reserved"),
    CheckConstraint("quantity_reserved <= quantity_on_hand", name="reserved_within_on_hand"),
    postgresql_with={"fillfactor": 70},
)

inventory_reservations = Table(
    "inventory_reservations",
    METADATA,
    identity(),
    Column("order_id", Uuid, nullable=False),
    Column("product_id", Uuid, nullable=False),
    Column("warehouse_id", Uuid, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("status", String(50), nullable=False, server_default="ACTIVE"),
    required_moment("expires_at"),
    moment_of_writing("created_at"),
    moment("released_at"),
    moment("shipped_at"),
    moment("returned_at"),
    UniqueConstraint("order_id", "product_id", "warehouse_id"),
    CheckConstraint("quantity > 0", name="quantity"),
    Index("idx_order_id", "order_id"),
    Index("idx_status_expires", "status", "expires_at"),
    Index("idx_product_warehouse", "product_id", "warehouse_id"),
    postgresql_with={"fillfactor": 80},
)

inventory_movements = Table(
    "inventory_movements",
    METADATA,
    identity(),
    Column("product_id", Uuid, nullable=False),
    Column("warehouse_id", Uuid, nullable=False),
    Column("movement_type", String(50), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("reference_type", String(50)),
    Column("reference_id", Uuid),
    Column("reason", String(255)),
    moment_of_writing("created_at"),
    Column("created_by", Uuid),
    Column("on_hand_after", Integer),
    Column("reserved_after", Integer),
    Index("idx_inventory_movements_product_id", "product_id"),
    Index("idx_created_at", "created_at"),
    Index("idx_reference", "reference_type", "reference_id"),
)

warehouses = Table(
    "warehouses",
    METADATA,
    identity(),
    Column("code", String(50), nullable=False, unique=True),
    Column("name", String(255), nullable=False),
    Column("priority", Integer, nullable=False, server_default=text("100")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
)

#: An order that was released: a reservation that comes late, or again, finds it here and holds nothing.
released_orders = Table(
    "released_orders",
    METADATA,
    Column("order_id", Uuid, primary_key=True),
    moment_of_writing("released_at"),
)
