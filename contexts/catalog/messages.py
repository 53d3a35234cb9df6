"""What the catalog can be asked, and what it tells."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, Field

from contexts.messages import Command, Event, Query, Value


class Price(Value):
    """One dated price; minor currency units. Without an end it holds until a later one begins."""

    id: UUID
    price_minor: Annotated[int, Field(ge=0)]
    currency: str = "USD"
    price_type: str = "REGULAR"
    effective_from: AwareDatetime
    effective_to: AwareDatetime | None = None


class PutProduct(Command):
    """Create a product or replace what is known of it. Prices are added; a price id that is known already stays."""

    product_id: UUID
    sku: str
    name: str
    description: str | None = None
    brand: str | None = None
    status: str = "ACTIVE"
    attributes: dict[str, Any] = Field(default_factory=dict)
    prices: tuple[Price, ...] = ()


class ProductChanged(Event):
    """A product is now as told here. `version` grows with every change, so that a late telling is recognised."""

    product_id: UUID
    version: int
    sku: str
    name: str
    status: str
    prices: tuple[Price, ...]


class ShowProduct(Query):
    """Ask for the catalog's part of a product's read model."""

    product_id: UUID
