"""The proof at the end: every order as its purchase demands, and all stores and providers of one opinion."""

import asyncio

from auditing import audit
from demonstration import checking, journeys, outcomes
from drilling import cancellations, left_over
from drilling.ledger import Ledger
from drilling.left_over import Stores
from drilling.result import Result


async def prove(result: Result, before: Stores) -> None:
    """Fill in the violations, the notes and what is left over. Raises `ServerAway`."""
    ledger = result.ledger
    result.violations += ledger.refused + ledger.complaints
    result.violations += await asyncio.to_thread(journeys.hanging, list(ledger.in_flight))
    result.violations += _surprises(ledger)
    result.violations += await asyncio.to_thread(cancellations.lost, ledger)
    report, disagreements = await asyncio.to_thread(checking.checked, list(ledger.accepted), list(ledger.in_flight))
    result.violations += disagreements
    # Rows that belong to no order are found only where all are looked at.
    whole = await asyncio.to_thread(audit)
    result.violations += [str(one) for one in whole.violations if str(one) not in disagreements]
    result.notes += report.notes
    after = await asyncio.to_thread(left_over.look_when_quiet)
    result.violations += left_over.unexplained(before, after)
    result.left_over = left_over.as_json(before, after, len(ledger.accepted))
    result.violations += result.memory.growth()
    if ledger.unknown:
        result.notes.append(
            f"{ledger.unknown} cancellations were answered 404 although the order was accepted; repeated"
        )


def _surprises(ledger: Ledger) -> list[str]:
    """Return a sentence for each final order that is not as its purchase and its customer demand."""
    asked = {one: order for one, order in ledger.accepted.items() if one in ledger.asked_to_cancel}
    others = {one: order for one, order in ledger.accepted.items() if one not in asked}
    return outcomes.surprises(others, ledger.came) + cancellations.surprises(asked, ledger.came)
