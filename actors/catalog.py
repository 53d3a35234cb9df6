"""The catalog's actors."""

from collections.abc import Iterable
from datetime import UTC, datetime

from actors.runtime.context import Context
from contexts.catalog.messages import ProductChanged, PutProduct, ShowProduct
from contexts.catalog.model import Products
from contexts.views import View
from persistence.catalog import ProductTables
from persistence.postgres_store import PostgresStore

CATALOG = Context("catalog", store=PostgresStore, repositories={Products: ProductTables})


@CATALOG.actor
def put_product(command: PutProduct, products: Products) -> Iterable[ProductChanged]:
    """Create a product or replace what is known of it, and tell who keeps copies."""
    yield products.put(command)


@CATALOG.query
def show_product(query: ShowProduct, products: Products) -> View | None:
    """Show a product with its prices of this moment."""
    return products.view(query.product_id, datetime.now(UTC))
