"""Shipments, tracking events and carrier configurations.

Revision: 0001, the first of delivery's history.
"""

from alembic import op

from persistence.migrations.messaging import create_messaging_tables, drop_messaging_tables

revision = "0001"
down_revision = None

SHIPMENTS = """
CREATE TABLE shipments (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id UUID NOT NULL,
    carrier VARCHAR(50) NOT NULL,
    tracking_number VARCHAR(100) UNIQUE,
    status VARCHAR(50) NOT NULL DEFAULT 'PENDING',
    shipping_method VARCHAR(50) NOT NULL,
    estimated_delivery DATE,
    actual_delivery TIMESTAMPTZ,
    shipping_address JSONB NOT NULL,
    package_details JSONB,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    shipped_at TIMESTAMPTZ,
    refusal_code VARCHAR(100),
    cancelled_at TIMESTAMPTZ,
    pieces INT NOT NULL DEFAULT 1,
    attempts INT NOT NULL DEFAULT 0,
    updated_at TIMESTAMPTZ,
    version INT NOT NULL DEFAULT 1
) WITH (fillfactor = 70);
CREATE INDEX idx_order_id ON shipments (order_id);
CREATE INDEX idx_tracking_number ON shipments (tracking_number);
CREATE INDEX idx_status ON shipments (status);
CREATE INDEX idx_shipments_carrier ON shipments (carrier);
CREATE INDEX idx_pending_shipments ON shipments (created_at) WHERE status = 'PENDING'
"""

TRACKING_EVENTS = """
CREATE TABLE tracking_events (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    shipment_id UUID NOT NULL REFERENCES shipments (id),
    event_type VARCHAR(100) NOT NULL,
    location VARCHAR(255),
    description TEXT,
    carrier_status VARCHAR(100),
    occurred_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    carrier_event_id VARCHAR(100) UNIQUE
);
CREATE INDEX idx_shipment_id ON tracking_events (shipment_id);
CREATE INDEX idx_occurred_at ON tracking_events (occurred_at)
"""

CARRIER_CONFIGS = """
CREATE TABLE carrier_configs (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    carrier VARCHAR(50) NOT NULL UNIQUE,
    api_endpoint VARCHAR(255) NOT NULL,
    credentials JSONB NOT NULL,
    settings JSONB,
    active BOOLEAN NOT NULL DEFAULT true
);
CREATE INDEX idx_carrier_configs_carrier ON carrier_configs (carrier);
CREATE INDEX idx_active ON carrier_configs (active)
"""


def upgrade() -> None:
    """Create all tables, parents first."""
    create_messaging_tables()
    for statements in (SHIPMENTS, TRACKING_EVENTS, CARRIER_CONFIGS):
        op.execute(statements)


def downgrade() -> None:
    """Drop all tables with all that is in them."""
    op.execute("DROP TABLE carrier_configs, tracking_events, shipments")
    drop_messaging_tables()
