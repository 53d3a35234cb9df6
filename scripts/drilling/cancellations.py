"""What became of the orders whose cancellation the front door accepted."""

from collections.abc import Collection, Iterator, Mapping
from uuid import UUID

from contexts.coordination.definitions import journey_id
from contexts.coordination.return_order import RETURN_ORDER
from contexts.coordination.transitions import CANCELLED
from demonstration.databases import looking_into
from demonstration.outcomes import COMPLETED, PlannedOrder
from drilling.ledger import Ledger

_THERE = "SELECT id FROM sagas WHERE id = ANY(%s)"


def lost(ledger: Ledger) -> list[str]:
    """Return a sentence for each accepted cancellation of an order that was completed and is not on its way back.

    An order that is not final is a violation by itself and left out here. Raises `psycopg.Error`.
    """
    completed = [order_id for order_id in ledger.cancelled if ledger.came.get(order_id) == COMPLETED]
    return list(without_return(completed, _returning(completed)))


def without_return(completed: Collection[UUID], returning: Collection[UUID]) -> Iterator[str]:
    """Yield a sentence for each completed order that is not among those that return."""
    for order_id in completed:
        if order_id not in returning:
            yield f"order {order_id}: its cancellation was accepted and lost"


def surprises(asked: Mapping[UUID, PlannedOrder], came: Mapping[UUID, str]) -> list[str]:
    """Return a sentence for each order whose customer asked for a cancellation and that came out as nothing allows.

    It may be undone by the cancellation, or end as its purchase demands: then the cancellation came too late.
    """
    return [
        f"order {order_id} (purchase {order.number}, {order.fate}) was to be {order.outcome} or {CANCELLED}, "
        f"but its saga says {came[order_id]}"
        for order_id, order in asked.items()
        if order_id in came and came[order_id] not in (order.outcome, CANCELLED)
    ]


def _returning(orders: Collection[UUID]) -> set[UUID]:
    """Return those of the orders that have a journey back, whatever it has come to."""
    journeys = {journey_id(RETURN_ORDER.name, order_id): order_id for order_id in orders}
    with looking_into("coordination") as connection:
        return {journeys[found] for (found,) in connection.execute(_THERE, (list(journeys),)).fetchall()}
