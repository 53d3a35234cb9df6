"""The orders of `scripts/bench flash-sale`: one unit each, all of one product, or spread over many."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from benchmarking.platform import PlatformFailedError
from contexts.messages import Stamped
from demonstration import outcomes, stock
from demonstration.catalogue import product_id
from demonstration.cdnow import Purchase
from demonstration.databases import looking_into
from demonstration.outcomes import Fate, PlannedOrder

#: Prices (cents) of the many products, and those of which each flash sale takes one whose product was never in stock.
MANY, FRESH = range(10_00, 20_00), range(2_000_00, 2_200_00)

DAY = date(1997, 1, 1)

_KNOWN = "SELECT DISTINCT product_id FROM inventory WHERE product_id = ANY(%s)"


def of_one(cents: int, count: int) -> list[PlannedOrder]:
    """Return orders of so many customers for one unit of the same product."""
    return _planned([cents] * count)


def of_many(count: int) -> list[PlannedOrder]:
    """Return orders of so many customers for one unit each, each product in its turn."""
    return _planned([MANY[place % len(MANY)] for place in range(count)])


def never_stocked(count: int) -> list[int]:
    """Return the prices of so many products of which no warehouse ever had any; raises `PlatformFailedError`."""
    with looking_into("inventory") as connection:
        rows = connection.execute(_KNOWN, ([product_id(cents) for cents in FRESH],)).fetchall()
    known = {product for (product,) in rows}
    fresh = [cents for cents in FRESH if product_id(cents) not in known][:count]
    if len(fresh) < count:
        raise PlatformFailedError(f"the {len(FRESH)} products for flash sales are used up; empty the stores")
    return fresh


def deliveries(
    sales: Sequence[int], units: int, uniform: Sequence[PlannedOrder], rounds: int, run: UUID
) -> list[Stamped]:
    """Return what to bring: exactly so many units of each sale's product, and enough of the many in each warehouse."""
    needed = outcomes.units_held(list(uniform) * rounds * len(stock.WAREHOUSES))
    before = stock.read_stock([product_id(cents) for cents in needed])
    needed.update(dict.fromkeys(sales, units))
    return stock.deliveries(needed, before, run)


def _planned(prices: Sequence[int]) -> list[PlannedOrder]:
    bought = [Purchase(customer, DAY, 1, cents) for customer, cents in enumerate(prices, start=1)]
    return [PlannedOrder(number, one, Fate.ORDINARY) for number, one in enumerate(bought, start=1)]
