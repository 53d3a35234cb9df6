"""The catalogue: one CD for each price at which one was sold, put into the shop with the same ids every time."""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID, uuid5

from contexts.catalog.messages import Price, PutProduct
from contexts.messages import Stamped, first_cause

#: The namespace of everything here whose id is the same in every run.
CDNOW = UUID("0e0f3cf8-6f0c-4c5f-8f8e-5d2a1b7a9c31")

#: The prices hold from before the first purchase.
EFFECTIVE_FROM = datetime(1996, 1, 1, tzinfo=UTC)


def product_id(cents: int) -> UUID:
    """Name the CD of a price."""
    return uuid5(CDNOW, f"cd/{cents}")


def price_id(cents: int) -> UUID:
    """Name the price of that CD."""
    return uuid5(product_id(cents), "price")


def put_products(points: Iterable[int], run: UUID) -> list[Stamped]:
    """Return the commands of one run that put the CD of each price (cents) into the catalogue."""
    commands = [_put_product(cents) for cents in points]
    return [first_cause(uuid5(run, f"put/{one.product_id}"), one, one.product_id) for one in commands]


def _put_product(cents: int) -> PutProduct:
    return PutProduct(
        product_id=product_id(cents),
        sku=f"CD-{cents:05}",
        name=f"Compact disc at {cents // 100}.{cents % 100:02}",
        brand="CDNOW",
        attributes={"format": "CD"},
        prices=(Price(id=price_id(cents), price_minor=cents, effective_from=EFFECTIVE_FROM),),
    )
