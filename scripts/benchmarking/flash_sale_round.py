"""One run of orders to their ends, each with what became of it: a flash sale, or the same number over many products."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from benchmarking import platform
from benchmarking.platform import complete as to_their_ends
from demonstration import outcomes, stock
from demonstration.catalogue import product_id
from demonstration.outcomes import COMPLETED, REASONS, Fate, PlannedOrder
from demonstration.processes import Processes
from demonstration.tally import Tally

#: Why an order is undone for which nothing was left.
SOLD_OUT = REASONS[Fate.MORE_THAN_THERE_IS]


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run came to: orders that were completed, and orders that came to their end a second."""

    sold: int
    rate: float
    violations: Sequence[str]


async def sale(planned: Sequence[PlannedOrder], units: int, processes: Processes, connections: int) -> Ran:
    """Run orders that all want the same product, of which there are so many units.

    It is a violation if the completed orders are not as many, if one was undone for another reason than that nothing
    was left, and if the warehouses do not end up empty. Raises `PlatformFailedError`.
    """
    tally = await to_their_ends(planned, processes, uuid4(), connections)
    violations = [*await platform.audited(list(tally.accepted)), *_not_sold_out(tally)]
    ((cents, _),) = planned[0].purchase.lines
    left = await asyncio.to_thread(stock.read_stock, [product_id(cents)])
    violations += sold_exactly(tally.completed, units, left.on_hand.get(product_id(cents), 0))
    return Ran(tally.completed, tally.rate, violations)


async def uniform(planned: Sequence[PlannedOrder], processes: Processes, connections: int) -> Ran:
    """Run orders that are all to be completed. Raises `PlatformFailedError`."""
    tally = await to_their_ends(planned, processes, uuid4(), connections)
    violations = [*await platform.audited(list(tally.accepted)), *outcomes.surprises(tally.accepted, tally.came)]
    return Ran(tally.completed, tally.rate, violations)


def sold_exactly(completed: int, units: int, left: int) -> list[str]:
    """Return a sentence for each side that does not say that exactly so many units were sold; `left` is on hand."""
    sentences = []
    if completed != units:
        sentences.append(f"{units} units were for sale, but {completed} orders for one are completed")
    if left:
        sentences.append(f"{units} units were for sale, but the warehouses have {left} left")
    return sentences


def _not_sold_out(tally: Tally) -> list[str]:
    return [
        f"order {order_id} of the flash sale was undone because of {reason}, not {SOLD_OUT}"
        for order_id, reason in tally.came.items()
        if reason not in (COMPLETED, SOLD_OUT)
    ]
