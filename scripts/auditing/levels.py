"""Stock levels against the ledger of movements and against the reservations, all of one moment."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from uuid import UUID

from auditing.report import Violation
from auditing.stores import Databases
from operations.stock import EFFECTS


def _effect(counter: int) -> str:
    cases = " ".join(f"WHEN '{kind.value}' THEN {by_unit[counter]} * quantity" for kind, by_unit in EFFECTS.items())
    return f"sum(CASE movement_type {cases} END)::bigint"


_KINDS = ", ".join(f"'{kind.value}'" for kind in EFFECTS)

_LEVELS = f"""
    WITH ledger AS (
        SELECT product_id, warehouse_id, coalesce({_effect(0)}, 0) AS on_hand, coalesce({_effect(1)}, 0) AS reserved,
               array_agg(DISTINCT movement_type) FILTER (WHERE movement_type NOT IN ({_KINDS})) AS unknown
        FROM inventory_movements
        WHERE %(products)s::uuid[] IS NULL OR product_id = ANY(%(products)s) GROUP BY 1, 2
    ), held AS (
        SELECT product_id, warehouse_id, sum(quantity) AS quantity FROM inventory_reservations
        WHERE status = 'ACTIVE' AND (%(products)s::uuid[] IS NULL OR product_id = ANY(%(products)s)) GROUP BY 1, 2
    ), level AS (
        SELECT product_id, warehouse_id, quantity_on_hand, quantity_reserved FROM inventory
        WHERE %(products)s::uuid[] IS NULL OR product_id = ANY(%(products)s)
    ), together AS (
        SELECT product_id, warehouse_id, coalesce(quantity_on_hand, 0) AS on_hand,
               coalesce(quantity_reserved, 0) AS reserved, coalesce(l.on_hand, 0)::bigint AS ledger_on_hand,
               coalesce(l.reserved, 0)::bigint AS ledger_reserved, coalesce(h.quantity, 0)::bigint AS active_holds,
               coalesce(l.unknown, '{{}}') AS unknown_movements
        FROM level FULL JOIN ledger l USING (product_id, warehouse_id) FULL JOIN held h USING (product_id, warehouse_id)
    )
    SELECT * FROM together
    WHERE (on_hand, reserved) <> (ledger_on_hand, ledger_reserved) OR reserved <> active_holds
          OR cardinality(unknown_movements) > 0
    ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class LevelFact:
    """A level in units, and what ledger and reservations make of the same product and warehouse."""

    product_id: UUID
    warehouse_id: UUID
    on_hand: int
    reserved: int
    ledger_on_hand: int
    ledger_reserved: int
    active_holds: int
    unknown_movements: list[str]


def disagreeing(stores: Databases, products: Collection[UUID] | None = None) -> Iterator[LevelFact]:
    """Yield the levels, of all products or of these, that ledger or reservations contradict; raises `ServerAway`."""
    stores.renew()
    parameters = {"products": None if products is None else list(products)}
    for row in stores.rows("inventory", _LEVELS.encode(), parameters):
        yield LevelFact(*row)


def violations(level: LevelFact) -> Iterator[Violation]:
    """Yield what is wrong with a level."""
    place = {"product_id": level.product_id, "warehouse_id": level.warehouse_id}
    says = f"the level is {level.on_hand} on hand, {level.reserved} reserved"
    if (level.on_hand, level.reserved) != (level.ledger_on_hand, level.ledger_reserved):
        but = f"the movements come to {level.ledger_on_hand} on hand, {level.ledger_reserved} reserved"
        yield Violation("level_disagrees", says, but, **place)
    if level.reserved != level.active_holds:
        but = f"the active reservations come to {level.active_holds}"
        yield Violation("reserved_units_disagree", says, but, **place)
    if level.unknown_movements:
        but = f"the ledger has movements of a kind that nobody knows: {', '.join(level.unknown_movements)}"
        yield Violation("unknown_movement", says, but, **place)
