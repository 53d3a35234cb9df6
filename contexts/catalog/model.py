"""Products with dated prices: the shop's shelf."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from contexts.catalog.messages import Price, ProductChanged, PutProduct
from contexts.money import to_decimal
from contexts.pricing import next_change, price_at
from contexts.views import AN_HOUR, View


@dataclass(slots=True)
class Product:
    """A product and all its prices, past and to come."""

    id: UUID
    sku: str
    name: str
    description: str | None
    brand: str | None
    status: str
    attributes: dict[str, Any]
    version: int = 0
    prices: dict[UUID, Price] = field(default_factory=dict)
    new_prices: list[Price] = field(default_factory=list)
    changed: bool = False

    def put(self, command: PutProduct) -> ProductChanged:
        """Replace what is known of the product, add prices that are new, and tell the whole."""
        self.sku, self.name, self.description = command.sku, command.name, command.description
        self.brand, self.status, self.attributes = command.brand, command.status, command.attributes
        for price in command.prices:
            if price.id not in self.prices:
                self.prices[price.id] = price
                self.new_prices.append(price)
        self.version += 1
        self.changed = True
        return ProductChanged(
            product_id=self.id,
            version=self.version,
            sku=self.sku,
            name=self.name,
            status=self.status,
            prices=tuple(self.prices.values()),
        )

    def prices_at(self, at: datetime) -> list[Price]:
        """Return the price of each currency at a moment."""
        currencies = sorted({price.currency for price in self.prices.values()})
        found = (price_at(self.prices.values(), currency, at) for currency in currencies)
        return [price for price in found if price]


@dataclass
class Products:
    """The products that a batch of messages is about, in memory."""

    products: dict[UUID, Product] = field(default_factory=dict)

    def put(self, command: PutProduct) -> ProductChanged:
        """Create a product or replace what is known of it."""
        product = self.products.get(command.product_id)
        if product is None:
            product = Product(
                command.product_id,
                command.sku,
                command.name,
                command.description,
                command.brand,
                command.status,
                command.attributes,
            )
            self.products[product.id] = product
        return product.put(command)

    def view(self, product_id: UUID, now: datetime) -> View | None:
        """Return the `catalog` part of a product's read model; None for an unknown product."""
        product = self.products.get(product_id)
        if product is None:
            return None
        return View(
            "product", str(product_id), "catalog", product.version, product_body(product, now), keep(product, now)
        )


def keep(product: Product, now: datetime) -> int:
    """Return for how many seconds a view of the product stays true, so far as is known: at most an hour."""
    change = next_change(product.prices.values(), now)
    return AN_HOUR if change is None else max(1, min(AN_HOUR, int((change - now).total_seconds())))


def product_body(product: Product, now: datetime) -> dict[str, Any]:
    """Return what is shown of a product: everything known of it, and the prices of this moment."""
    return {
        "product_id": str(product.id),
        "sku": product.sku,
        "name": product.name,
        "description": product.description,
        "brand": product.brand,
        "status": product.status,
        "attributes": product.attributes,
        "prices": [
            {
                "price": str(to_decimal(price.price_minor, price.currency)),
                "currency": price.currency,
                "price_type": price.price_type,
                "effective_from": price.effective_from.isoformat(),
                "effective_to": price.effective_to.isoformat() if price.effective_to else None,
            }
            for price in product.prices_at(now)
        ],
    }
