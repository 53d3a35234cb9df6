"""After the replay: waiting for what ends beside the journeys, then the audit of this run's orders."""

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

from auditing import Report, audit
from demonstration.databases import one_number
from persistence.databases import notifications_database

#: Seconds without a further mail after which no more is waited for.
PATIENCE = 60.0

#: The currency of the purchases.
CURRENCY = "USD"

_HELD = "SELECT count(DISTINCT order_id) FROM inventory_reservations WHERE order_id = ANY(%s) AND status = 'ACTIVE'"


def checked(accepted: Sequence[UUID], unfinished: Sequence[UUID]) -> tuple[Report, list[str]]:
    """Audit the accepted orders; return the report, and sentences for everything in which the sides do not agree.

    Orders that are final are to be done with in every store: then one that is still in flight is a violation too.
    """
    report = audit(orders=accepted)
    sentences = [str(violation) for violation in report.violations]
    late = report.in_flight - len(unfinished)
    if late > 0:
        sentences.append(f"{late} orders are final, but something about them is still under way: see the notes")
    return report, sentences


async def settled(ids: Sequence[UUID]) -> bool:
    """Wait until what ends beside the journeys has ended: goods out of the warehouses, mails to the customers.

    Returns whether it has; False after `PATIENCE` seconds without progress, and then the check tells what is missing.
    """
    least, moved_at = len(ids) * 2, time.monotonic()
    while time.monotonic() - moved_at < PATIENCE:
        began = time.monotonic()
        open_ends = await asyncio.to_thread(_open_ends, ids)
        if not open_ends:
            return True
        if open_ends < least:
            least, moved_at = open_ends, time.monotonic()
        await asyncio.sleep(max(0.5, 3 * (time.monotonic() - began)))
    return False


def _open_ends(ids: Sequence[UUID]) -> int:
    """Count the orders for which stock is still held, and those whose customer was not told yet."""
    return one_number("inventory", _HELD, list(ids)) + len(ids) - _told(ids)


def _told(ids: Sequence[UUID]) -> int:
    """Count the orders about which a mail is sent."""
    database = notifications_database()
    try:
        sent = {"metadata.order_id": {"$in": [str(order_id) for order_id in ids]}, "status": "SENT"}
        return len(database["notifications"].distinct("metadata.order_id", sent))
    finally:
        database.client.close()
