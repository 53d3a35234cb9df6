"""Products and prices in PostgreSQL: locked and read set-wise, changed in memory, written set-wise."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from contexts.catalog.messages import Price, PutProduct, ShowProduct
from contexts.catalog.model import Product, Products
from contexts.messages import Message
from contexts.money import to_decimal, to_minor
from contexts.views import View
from persistence import setwise
from persistence.tables.catalog import prices, products

_PRODUCTS = """
    SELECT id, sku, name, description, brand, status, attributes, version FROM products WHERE id = ANY(%s) ORDER BY id
"""
_PRICES = """
    SELECT id, product_id, price, currency, effective_from, effective_to, price_type
    FROM prices WHERE product_id = ANY(%s)
"""


class ProductTables(Products):
    """The products that a batch of messages is about, within one transaction."""

    def __init__(self, connection: Connection[Any]) -> None:
        super().__init__()
        self._connection = connection
        self._stored: set[UUID] = set()

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Load the products, and lock them where they are to be changed."""
        kinds = PutProduct | ShowProduct
        ids = sorted({message.product_id for message in messages if isinstance(message, kinds)})
        lock = " FOR UPDATE" if any(isinstance(message, PutProduct) for message in messages) else ""
        cursor = self._connection.cursor(row_factory=dict_row)
        for row in cursor.execute(_PRODUCTS + lock, (ids,)).fetchall():
            product = Product(**{**row, "attributes": row["attributes"] or {}})
            self.products[product.id] = product
            self._stored.add(product.id)
        for row in cursor.execute(_PRICES, (list(self._stored),)).fetchall():
            price = _price(row)
            self.products[row["product_id"]].prices[price.id] = price

    def flush(self) -> None:
        """Write new and changed products and new prices."""
        changed = [product for product in self.products.values() if product.changed]
        setwise.insert(self._connection, products, [_row(one) for one in changed if one.id not in self._stored])
        setwise.update(self._connection, products, [_row(one) for one in changed if one.id in self._stored])
        rows = [_price_row(product.id, price) for product in changed for price in product.new_prices]
        setwise.insert(self._connection, prices, rows)

    def changed_views(self) -> list[View]:
        """Return the `catalog` part of every changed product."""
        now = datetime.now(UTC)
        views = (self.view(product.id, now) for product in self.products.values() if product.changed)
        return [view for view in views if view]


def _price(row: Mapping[str, Any]) -> Price:
    return Price(
        id=row["id"],
        price_minor=to_minor(row["price"], row["currency"]),
        currency=row["currency"],
        price_type=row["price_type"],
        effective_from=row["effective_from"],
        effective_to=row["effective_to"],
    )


def _row(product: Product) -> setwise.Row:
    return {
        "id": product.id,
        "sku": product.sku,
        "name": product.name,
        "description": product.description,
        "brand": product.brand,
        "status": product.status,
        "attributes": product.attributes,
        "updated_at": datetime.now(UTC),
        "version": product.version,
    }


def _price_row(product_id: UUID, price: Price) -> setwise.Row:
    return {
        "id": price.id,
        "product_id": product_id,
        "price": to_decimal(price.price_minor, price.currency),
        "currency": price.currency,
        "effective_from": price.effective_from,
        "effective_to": price.effective_to,
        "price_type": price.price_type,
    }
