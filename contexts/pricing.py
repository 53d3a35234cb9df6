"""Which of several dated prices holds: one rule for the catalog, which shows it, and for orders, which charge it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID


class DatedPrice(Protocol):
    """A price with the time it is for. Without an end it holds until a later one begins."""

    @property
    def id(self) -> UUID: ...
    @property
    def currency(self) -> str: ...
    @property
    def price_type(self) -> str: ...
    @property
    def effective_from(self) -> datetime: ...
    @property
    def effective_to(self) -> datetime | None: ...


P = TypeVar("P", bound=DatedPrice)

#: The price type that any other (a sale, a promotion) goes before.
REGULAR = "REGULAR"


def holds(price: DatedPrice, at: datetime) -> bool:
    """Whether a price is for this moment; its end is not part of its time."""
    return price.effective_from <= at and (price.effective_to is None or at < price.effective_to)


def price_at(prices: Iterable[P], currency: str, at: datetime) -> P | None:
    """Return the price in a currency at a moment: a special one before a regular one, then the one that began last."""
    holding = (price for price in prices if price.currency == currency and holds(price, at))
    return max(
        holding, key=lambda price: (price.price_type != REGULAR, price.effective_from, price.id.int), default=None
    )


def next_change(prices: Iterable[DatedPrice], at: datetime) -> datetime | None:
    """Return the next moment after `at` at which another price may hold; None if there is none."""
    boundaries = (moment for price in prices for moment in (price.effective_from, price.effective_to))
    return min((moment for moment in boundaries if moment is not None and moment > at), default=None)
