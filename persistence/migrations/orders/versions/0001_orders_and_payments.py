"""Orders, their lines, payments and events, and the copy of the catalog's prices.

Revision: 0001, the first of the orders context's history.
"""

from alembic import op

from persistence.migrations.messaging import create_messaging_tables, drop_messaging_tables

revision = "0001"
down_revision = None

ORDERS = """
CREATE TABLE orders (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    order_number VARCHAR(50) UNIQUE NOT NULL,
    customer_id UUID NOT NULL,
    status VARCHAR(50) NOT NULL DEFAULT 'PENDING',
    total_amount DECIMAL(10,2) NOT NULL,
    currency VARCHAR(3) NOT NULL DEFAULT 'USD',
    shipping_address JSONB NOT NULL,
    billing_address JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    completed_at TIMESTAMPTZ,
    customer_email VARCHAR(320),
    customer_phone VARCHAR(32),
    metadata JSONB,
    rejection_reason VARCHAR(100),
    version INT NOT NULL DEFAULT 1,
    CONSTRAINT orders_total_amount_check CHECK (total_amount >= 0)
) WITH (fillfactor = 70);
CREATE INDEX idx_customer_id ON orders (customer_id);
CREATE INDEX idx_orders_status ON orders (status);
CREATE INDEX idx_orders_created_at ON orders (created_at);
CREATE INDEX idx_order_number ON orders (order_number);
CREATE INDEX idx_orders_customer_status ON orders (customer_id, status);
CREATE INDEX idx_orders_created_status ON orders (created_at DESC, status);
CREATE INDEX idx_order_metadata ON orders USING GIN (metadata)
"""

ORDER_ITEMS = """
CREATE TABLE order_items (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id UUID NOT NULL REFERENCES orders (id),
    product_id UUID NOT NULL,
    quantity INT NOT NULL,
    unit_price DECIMAL(10,2) NOT NULL,
    total_price DECIMAL(10,2) NOT NULL,
    discount_amount DECIMAL(10,2) DEFAULT 0,
    tax_amount DECIMAL(10,2) DEFAULT 0,
    sku VARCHAR(100),
    name VARCHAR(255),
    CONSTRAINT order_items_quantity_check CHECK (quantity > 0)
);
CREATE INDEX idx_order_items_order_id ON order_items (order_id);
CREATE INDEX idx_product_id ON order_items (product_id)
"""

PAYMENTS = """
CREATE TABLE payments (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id UUID NOT NULL REFERENCES orders (id),
    payment_method VARCHAR(50) NOT NULL,
    amount DECIMAL(10,2) NOT NULL,
    currency VARCHAR(3) NOT NULL DEFAULT 'USD',
    status VARCHAR(50) NOT NULL DEFAULT 'PENDING',
    gateway_transaction_id VARCHAR(255),
    gateway_response JSONB,
    processed_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    card_brand VARCHAR(20),
    card_last_four VARCHAR(4),
    captured_amount DECIMAL(10,2) NOT NULL DEFAULT 0,
    refunded_amount DECIMAL(10,2) NOT NULL DEFAULT 0,
    failure_code VARCHAR(100),
    attempts INT NOT NULL DEFAULT 0,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    version INT NOT NULL DEFAULT 1,
    CONSTRAINT payments_amounts_check CHECK (
        0 <= refunded_amount AND refunded_amount <= captured_amount AND captured_amount <= amount
    )
) WITH (fillfactor = 70);
CREATE INDEX idx_payments_order_id ON payments (order_id);
CREATE INDEX idx_payments_status ON payments (status);
CREATE INDEX idx_gateway_transaction_id ON payments (gateway_transaction_id)
"""

ORDER_EVENTS = """
CREATE TABLE order_events (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id UUID NOT NULL REFERENCES orders (id),
    event_type VARCHAR(100) NOT NULL,
    payload JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    created_by UUID,
    sequence INT NOT NULL DEFAULT 0
);
CREATE INDEX idx_order_events_order_id ON order_events (order_id);
CREATE INDEX idx_order_events_created_at ON order_events (created_at)
"""

PRICE_COPIES = """
CREATE TABLE price_copies (
    id UUID PRIMARY KEY,
    product_id UUID NOT NULL,
    sku VARCHAR(100) NOT NULL,
    name VARCHAR(255) NOT NULL,
    price DECIMAL(10,2) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    price_type VARCHAR(50) NOT NULL,
    effective_from TIMESTAMPTZ NOT NULL,
    effective_to TIMESTAMPTZ,
    product_status VARCHAR(50) NOT NULL,
    product_version INT NOT NULL
);
CREATE INDEX idx_price_copies_product_effective ON price_copies (product_id, effective_from)
"""


def upgrade() -> None:
    """Create all tables, parents first."""
    create_messaging_tables()
    for statements in (ORDERS, ORDER_ITEMS, PAYMENTS, ORDER_EVENTS, PRICE_COPIES):
        op.execute(statements)


def downgrade() -> None:
    """Drop all tables with all that is in them."""
    op.execute("DROP TABLE price_copies, order_events, payments, order_items, orders")
    drop_messaging_tables()
