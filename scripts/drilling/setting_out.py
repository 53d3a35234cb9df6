"""Everything between running servers and the first order: purchases, stores, processes, catalogue, stock."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from uuid import UUID

from demonstration import catalogue, cdnow, loading, outcomes, stock
from demonstration.databases import one_number
from demonstration.outcomes import PlannedOrder
from demonstration.processes import stop_earlier
from demonstration.setting_up import all_serving, download, run, step
from drilling.platform import Platform


async def purchases() -> list[cdnow.Purchase]:
    """Return all real purchases, in date order."""
    with step(f"purchases: {cdnow.PURCHASES} of {cdnow.CUSTOMERS} customers"):
        await download(cdnow.DIRECTORY)
        return await asyncio.to_thread(cdnow.purchases, cdnow.DIRECTORY)


def orders(bought: Sequence[cdnow.Purchase], count: int) -> list[PlannedOrder]:
    """Return so many orders, the purchases again from the first where there are fewer."""
    endless: Iterator[cdnow.Purchase] = itertools.cycle(bought)
    return outcomes.planned(list(itertools.islice(endless, count)))


async def start(platform: Platform) -> None:
    """Bring the stores to their newest form and start all processes."""
    with step("stores: bringing them to their newest form"):
        await run("scripts/migrate", "up")
    if await asyncio.to_thread(stop_earlier, platform.directory):
        print("stopped the processes that an earlier drill left running", flush=True)
    with step(f"processes: the Procfile, front door at {platform.url}, logs {platform.log}"):
        platform.start()
        await all_serving(platform)


async def load_catalogue(planned: Sequence[PlannedOrder], run_id: UUID) -> None:
    """Put a product for each price into the shop, and enough stock for all orders into the warehouses."""
    points = cdnow.price_points(order.purchase for order in planned)
    with step(f"catalogue: {len(points)} products"):
        commands = catalogue.put_products(points, run_id)
        await loading.publish(commands)
        await loading.done(commands)
        prices = [catalogue.price_id(cents) for cents in points]
        query = "SELECT count(*) FROM price_copies WHERE id = ANY(%s)"
        await loading.until(len(prices), lambda: one_number("orders", query, prices), "price copies in orders")
    with step(f"stock: deliveries to the warehouses, for {len(planned)} orders"):
        await asyncio.to_thread(stock.open_warehouses)
        products = [catalogue.product_id(cents) for cents in points]
        before = await asyncio.to_thread(stock.read_stock, products)
        delivered = stock.deliveries(outcomes.units_held(planned), before, run_id)
        await loading.publish(delivered)
        await loading.done(delivered)
