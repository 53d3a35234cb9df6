"""After the replay: gathering what every side says, once the last mails are there."""

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

from demonstration import providers, stores
from demonstration.databases import one_number
from demonstration.facts import Facts
from local_servers import variables

#: Seconds without a further mail after which no more is waited for.
PATIENCE = 60.0

_HELD = "SELECT count(DISTINCT order_id) FROM inventory_reservations WHERE order_id = ANY(%s) AND status = 'ACTIVE'"


def gather(ids: Sequence[UUID], products: Sequence[UUID], since: float) -> Facts:
    """Ask every store and every provider about orders that were posted after `since` (Unix time)."""
    orders, payments = stores.orders(ids)
    holds, moved, levels = stores.stock(ids, products)
    return Facts(
        order_ids=ids,
        orders=orders,
        sagas=stores.sagas(ids),
        payments=payments,
        charges=providers.charges(ids),
        shipments=stores.shipments(ids),
        labels=providers.labels(ids),
        holds=holds,
        moved=moved,
        levels=levels,
        notifications=stores.notifications(ids),
        mails=providers.mails(since, own_server="SMTP_URL" not in variables.given()),
    )


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
    held = one_number("inventory", _HELD, list(ids))
    told = stores.notifications(ids)
    return held + sum(all(one.status != "SENT" for one in told.get(order_id, ())) for order_id in ids)
