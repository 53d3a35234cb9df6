"""The catalog's tables: a tree of categories, products, and prices with their dates."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, Uuid, text

from persistence.tables.columns import (
    Ltree,
    context_metadata,
    currency,
    document,
    identity,
    moment,
    moment_of_writing,
    money,
)
from persistence.tables.messaging import add_messaging_tables

METADATA = context_metadata()
MESSAGING = add_messaging_tables(METADATA)

categories = Table(
    "categories",
    METADATA,
    identity(),
    Column("parent_id", Uuid, ForeignKey("categories.id")),
    Column("name", String(100), nullable=False),
    Column("slug", String(100), nullable=False, unique=True),
    Column("path", Ltree, nullable=False),
    document("attributes_schema"),
    moment_of_writing("created_at"),
    Index("idx_path", "path", postgresql_using="gist"),
    Index("idx_parent_id", "parent_id"),
)

# The inner parentheses are how PostgreSQL reads it; Alembic compares the expression as text.
_SEARCHED_TEXT = text("to_tsvector('english', (name || ' ') || COALESCE(description, ''))")

products = Table(
    "products",
    METADATA,
    identity(),
    Column("sku", String(100), nullable=False, unique=True),
    Column("name", String(255), nullable=False),
    Column("description", Text),
    Column("category_id", Uuid, ForeignKey("categories.id")),
    Column("brand", String(100)),
    Column("status", String(50), nullable=False, server_default="ACTIVE"),
    document("attributes"),
    moment_of_writing("created_at"),
    moment_of_writing("updated_at"),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Index("idx_sku", "sku"),
    Index("idx_category_id", "category_id"),
    Index("idx_status", "status"),
    Index("idx_brand", "brand"),
    Index("idx_product_search", _SEARCHED_TEXT, postgresql_using="gin"),
    Index("idx_product_attributes", "attributes", postgresql_using="gin"),
    Index("idx_active_products", "sku", postgresql_where=text("status = 'ACTIVE'")),
)

prices = Table(
    "prices",
    METADATA,
    identity(),
    Column("product_id", Uuid, ForeignKey("products.id"), nullable=False),
    money("price"),
    currency(),
    moment_of_writing("effective_from"),
    moment("effective_to"),
    Column("price_type", String(50), nullable=False, server_default="REGULAR"),
    CheckConstraint("price >= 0", name="price"),
    CheckConstraint("effective_to IS NULL OR effective_to > effective_from", name="effective_dates"),
    Index("idx_product_id", "product_id"),
    Index("idx_effective_dates", "effective_from", "effective_to"),
)
