"""Stock levels, reservations, movements and warehouses.

Revision: 0001, the first of inventory's history.
"""

from alembic import op

from persistence.migrations.messaging import create_messaging_tables, drop_messaging_tables

revision = "0001"
down_revision = None

INVENTORY = """
CREATE TABLE inventory (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    product_id UUID NOT NULL,
    warehouse_id UUID NOT NULL,
    quantity_on_hand INT NOT NULL DEFAULT 0,
    quantity_reserved INT NOT NULL DEFAULT 0,
    quantity_available INT GENERATED ALWAYS AS (quantity_on_hand - quantity_reserved) STORED,
    reorder_point INT,
    reorder_quantity INT,
    last_updated TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    version INT NOT NULL DEFAULT 1,
    UNIQUE (product_id, warehouse_id),
    CONSTRAINT inventory_quantity_on_hand_check CHECK (quantity_on_hand >= 0),
    CONSTRAINT inventory_quantity_reserved_check CHECK (quantity_reserved >= 0),
    CONSTRAINT inventory_reserved_within_on_hand_check CHECK (quantity_reserved <= quantity_on_hand)
) WITH (fillfactor = 70);
CREATE INDEX idx_inventory_product_id ON inventory (product_id);
CREATE INDEX idx_quantity_available ON inventory (quantity_available)
"""

RESERVATIONS = """
CREATE TABLE inventory_reservations (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id UUID NOT NULL,
    product_id UUID NOT NULL,
    warehouse_id UUID NOT NULL,
    quantity INT NOT NULL,
    status VARCHAR(50) NOT NULL DEFAULT 'ACTIVE',
    expires_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    released_at TIMESTAMPTZ,
    shipped_at TIMESTAMPTZ,
    UNIQUE (order_id, product_id, warehouse_id),
    CONSTRAINT inventory_reservations_quantity_check CHECK (quantity > 0)
) WITH (fillfactor = 80);
CREATE INDEX idx_order_id ON inventory_reservations (order_id);
CREATE INDEX idx_status_expires ON inventory_reservations (status, expires_at);
CREATE INDEX idx_product_warehouse ON inventory_reservations (product_id, warehouse_id)
"""

MOVEMENTS = """
CREATE TABLE inventory_movements (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    product_id UUID NOT NULL,
    warehouse_id UUID NOT NULL,
    movement_type VARCHAR(50) NOT NULL,
    quantity INT NOT NULL,
    reference_type VARCHAR(50),
    reference_id UUID,
    reason VARCHAR(255),
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    created_by UUID,
    on_hand_after INT,
    reserved_after INT
);
CREATE INDEX idx_inventory_movements_product_id ON inventory_movements (product_id);
CREATE INDEX idx_created_at ON inventory_movements (created_at);
CREATE INDEX idx_reference ON inventory_movements (reference_type, reference_id)
"""

WAREHOUSES = """
CREATE TABLE warehouses (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    code VARCHAR(50) UNIQUE NOT NULL,
    name VARCHAR(255) NOT NULL,
    priority INT NOT NULL DEFAULT 100,
    active BOOLEAN NOT NULL DEFAULT true
)
"""


def upgrade() -> None:
    """Create all tables."""
    create_messaging_tables()
    for statements in (INVENTORY, RESERVATIONS, MOVEMENTS, WAREHOUSES):
        op.execute(statements)


def downgrade() -> None:
    """Drop all tables with all that is in them."""
    op.execute("DROP TABLE warehouses, inventory_movements, inventory_reservations, inventory")
    drop_messaging_tables()
