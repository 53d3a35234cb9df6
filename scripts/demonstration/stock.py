"""The warehouses, the deliveries of this run, and what the arithmetic says of the stock afterwards."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from contexts.inventory.messages import ReceiveStock
from contexts.messages import Stamped, first_cause
from demonstration.catalogue import CDNOW, product_id
from demonstration.databases import looking_into

#: Code, name and priority: orders are served from the first that has enough.
WAREHOUSES = (("CDNOW-EAST", "East", 10), ("CDNOW-MIDDLE", "Middle", 20), ("CDNOW-WEST", "West", 30))

_WAREHOUSES = "INSERT INTO warehouses (id, code, name, priority) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
_LEVELS = """
    SELECT product_id, sum(quantity_on_hand)::int, sum(quantity_available)::int FROM inventory
    WHERE product_id = ANY(%s) GROUP BY product_id
"""
# What everybody else's movements came to: those whose reference is no order and no delivery of this run.
_FOREIGN = """
    SELECT product_id, sum(CASE movement_type WHEN 'RECEIVED' THEN quantity ELSE -quantity END)::int
    FROM inventory_movements
    WHERE product_id = ANY(%s) AND movement_type IN ('RECEIVED', 'SHIPPED') AND NOT reference_id = ANY(%s)
    GROUP BY product_id
"""


@dataclass(frozen=True, slots=True)
class Stock:
    """Units by product at one moment. `foreign` is what movements that are not this run's have come to."""

    on_hand: Mapping[UUID, int]
    available: Mapping[UUID, int]
    foreign: Mapping[UUID, int]


def warehouse_id(code: str) -> UUID:
    """Name a warehouse."""
    return uuid5(CDNOW, f"warehouse/{code}")


def open_warehouses() -> None:
    """Enter the warehouses that are missing; there is no command for that yet."""
    with looking_into("inventory", writing=True) as connection:
        rows = [(warehouse_id(code), code, name, priority) for code, name, priority in WAREHOUSES]
        connection.cursor().executemany(_WAREHOUSES, rows)


def read_stock(products: Sequence[UUID], references: Sequence[UUID] = ()) -> Stock:
    """Look at the stock; `references` are the orders and deliveries of this run so far."""
    with looking_into("inventory") as connection:
        rows = connection.execute(_LEVELS, (list(products),)).fetchall()
        foreign = connection.execute(_FOREIGN, (list(products), list(references))).fetchall()
    on_hand = {product: held for product, held, _ in rows}
    return Stock(on_hand, {product: free for product, _, free in rows}, dict(foreign))


def deliveries(needed: Counter[int], before: Stock, run: UUID) -> list[Stamped]:
    """Return the deliveries that bring each CD (by price in cents) to the units needed, shared by all warehouses."""
    return [
        _delivery(product_id(cents), code, share, run)
        for cents, units in sorted(needed.items())
        for code, share in _shares(units - before.available.get(product_id(cents), 0))
    ]


def delivered_units(delivered: Sequence[Stamped]) -> Counter[UUID]:
    """Return the units of deliveries, by product."""
    units: Counter[UUID] = Counter()
    for one in delivered:
        if isinstance(one.body, ReceiveStock):
            units[one.body.product_id] += one.body.quantity
    return units


def stock_differences(before: Stock, delivered: Counter[UUID], sold: Counter[int], after: Stock) -> list[str]:
    """Return a sentence for each product whose units on hand are not before + delivered - sold."""
    sold_units = Counter({product_id(cents): units for cents, units in sold.items()})
    sentences = []
    for product in {*before.on_hand, *delivered, *sold_units, *after.on_hand}:
        others = after.foreign.get(product, 0) - before.foreign.get(product, 0)
        expected = before.on_hand.get(product, 0) + delivered[product] - sold_units[product] + others
        found = after.on_hand.get(product, 0)
        if found != expected:
            sentences.append(
                f"product {product}: {before.on_hand.get(product, 0)} before + {delivered[product]} delivered - "
                f"{sold_units[product]} sold {others:+} by others makes {expected}, but the inventory has {found}"
            )
    return sentences


def _shares(units: int) -> Iterator[tuple[str, int]]:
    """Share units evenly between the warehouses, the first ones getting what is left over."""
    for place, (code, _, _) in enumerate(WAREHOUSES):
        share = (max(units, 0) + len(WAREHOUSES) - 1 - place) // len(WAREHOUSES)
        if share:
            yield code, share


def _delivery(product: UUID, code: str, units: int, run: UUID) -> Stamped:
    delivery = uuid5(run, f"delivery/{product}/{code}")
    command = ReceiveStock(delivery_id=delivery, product_id=product, warehouse_id=warehouse_id(code), quantity=units)
    return first_cause(uuid5(delivery, "ReceiveStock"), command, delivery)
