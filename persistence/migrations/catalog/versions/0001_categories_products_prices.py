"""Categories, products and dated prices.

Revision: 0001, the first of the catalog's history.
"""

from alembic import op

from persistence.migrations.messaging import create_messaging_tables, drop_messaging_tables

revision = "0001"
down_revision = None

# A trusted extension: the database's owner may create it without being superuser.
LTREE = "CREATE EXTENSION IF NOT EXISTS ltree WITH SCHEMA public"

CATEGORIES = """
CREATE TABLE categories (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    parent_id UUID REFERENCES categories (id),
    name VARCHAR(100) NOT NULL,
    slug VARCHAR(100) UNIQUE NOT NULL,
    path LTREE NOT NULL,
    attributes_schema JSONB,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_path ON categories USING GIST (path);
CREATE INDEX idx_parent_id ON categories (parent_id)
"""

PRODUCTS = """
CREATE TABLE products (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    sku VARCHAR(100) UNIQUE NOT NULL,
    name VARCHAR(255) NOT NULL,
    description TEXT,
    category_id UUID REFERENCES categories (id),
    brand VARCHAR(100),
    status VARCHAR(50) NOT NULL DEFAULT 'ACTIVE',
    attributes JSONB,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    version INT NOT NULL DEFAULT 1
);
CREATE INDEX idx_sku ON products (sku);
CREATE INDEX idx_category_id ON products (category_id);
CREATE INDEX idx_status ON products (status);
CREATE INDEX idx_brand ON products (brand);
CREATE INDEX idx_product_search ON products
    USING GIN (to_tsvector('english', name || ' ' || COALESCE(description, '')));
CREATE INDEX idx_product_attributes ON products USING GIN (attributes);
CREATE INDEX idx_active_products ON products (sku) WHERE status = 'ACTIVE'
"""

PRICES = """
CREATE TABLE prices (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    product_id UUID NOT NULL REFERENCES products (id),
    price DECIMAL(10,2) NOT NULL,
    currency VARCHAR(3) NOT NULL DEFAULT 'USD',
    effective_from TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    effective_to TIMESTAMPTZ,
    price_type VARCHAR(50) NOT NULL DEFAULT 'REGULAR',
    CONSTRAINT prices_price_check CHECK (price >= 0),
    CONSTRAINT prices_effective_dates_check CHECK (effective_to IS NULL OR effective_to > effective_from)
);
CREATE INDEX idx_product_id ON prices (product_id);
CREATE INDEX idx_effective_dates ON prices (effective_from, effective_to)
"""


def upgrade() -> None:
    """Create all tables, parents first."""
    create_messaging_tables()
    for statements in (LTREE, CATEGORIES, PRODUCTS, PRICES):
        op.execute(statements)


def downgrade() -> None:
    """Drop all tables with all that is in them; the extension stays, something else may use it."""
    op.execute("DROP TABLE prices, products, categories")
    drop_messaging_tables()
