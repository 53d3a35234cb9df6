"""`scripts/bench flash-sale`: everybody wants the same few units at once; how fast, and are exactly so many sold?"""

import argparse
import asyncio
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from benchmarking import charts, flash_sale_orders, flash_sale_round, machine, options
from benchmarking.flash_sale_figures import FLASH, FlashSale
from benchmarking.platform import load_catalogue, serving
from demonstration import loading, stock
from demonstration.processes import Processes
from demonstration.setting_up import run, step

if TYPE_CHECKING:
    from benchmarking.options import Commands

#: Products of the uniform orders.
PRODUCTS = len(flash_sale_orders.MANY)

#: One order in so many of a round's is placed before the first round, and does not count.
WARM_UP = 10

DESCRIPTION = f"""\
A flash sale: every order wants one unit of one product, of which there are fewer units than orders, and many clients
order at once. Then the same number of orders over {PRODUCTS} products with stock enough: the uniform rate. They
take turns on the same running processes, in every second round the other way round; before the first, a tenth as many
uniform orders warm everything up and do not count.

A rate is orders that came to their end a second, from the first POST to the last end, by the clock of the machine:
completed, or undone because nothing was left. An undone order takes fewer steps than a completed one, so the ratio
tells what the run on one row costs, less what the shorter journeys save. Mails and the goods leaving the warehouse are
waited for afterwards; the auditor looks at every order of both.

exit code: 0 exactly the units were sold in every round and nothing is wrong; 1 anything else
"""


def add_to(commands: "Commands") -> None:
    """Add the sub-command `flash-sale`."""
    parser = options.add_command(commands, "flash-sale", "everybody wants the same few units", DESCRIPTION)
    parser.add_argument("--orders", type=options.count, default=10_000, metavar="N", help="orders (default: 10000)")
    parser.add_argument("--units", type=options.count, default=500, metavar="U", help="units there are (default: 500)")
    parser.add_argument("--rounds", type=options.count, default=3, metavar="R", help="rounds (default: 3)")
    options.add_connections(parser, 256, "post orders")
    parser.set_defaults(measure=measure, check=partial(_check, parser))


async def measure(chosen: argparse.Namespace) -> int:
    """Measure all rounds; return 0 if exactly the units were sold in each and nothing was violated, else 1."""
    options.install_for_charts(chosen)
    about = machine.machine()
    found = FlashSale(chosen.orders, chosen.units, chosen.connections)
    with step("the platform: stores"):
        await run("scripts/migrate", "up")
    async with serving(uuid4()) as processes:
        with step("catalogue and stock"):
            sales = await _set_up(chosen)
        await _warm_up(chosen, processes)
        for number, cents in enumerate(sales, start=1):
            await _round(number, cents, chosen, processes, found)
    found.tell()
    options.write_json(chosen, found.as_json() | {"machine": about, "versions": machine.versions(())})
    if chosen.charts:
        title = f"{chosen.orders} orders for {chosen.units} units, {about['cores']} cores"
        print(f"drawn: {charts.flash_sale(found.rates, FLASH, found.medians, title)}")
    return 0 if found.is_good else 1


def _check(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    if chosen.units > chosen.orders:
        parser.error(f"--units: {chosen.orders} orders cannot buy {chosen.units} units")


async def _set_up(chosen: argparse.Namespace) -> list[int]:
    """Put everything into the catalogue and the warehouses; return the price in cents of each round's product."""
    uniform = flash_sale_orders.of_many(chosen.orders)
    sales = await asyncio.to_thread(flash_sale_orders.never_stocked, chosen.rounds)
    await load_catalogue([*flash_sale_orders.MANY, *sales], uuid4())
    await asyncio.to_thread(stock.open_warehouses)
    delivered = await asyncio.to_thread(
        flash_sale_orders.deliveries, sales, chosen.units, uniform, chosen.rounds + 1, uuid4()
    )
    await loading.publish(delivered)
    await loading.done(delivered)
    return sales


async def _warm_up(chosen: argparse.Namespace, processes: Processes) -> None:
    planned = flash_sale_orders.of_many(max(1, chosen.orders // WARM_UP))
    with step(f"warm-up: {len(planned)} orders that do not count"):
        await flash_sale_round.uniform(planned, processes, chosen.connections)


async def _round(number: int, cents: int, chosen: argparse.Namespace, processes: Processes, found: FlashSale) -> None:
    """Measure a sale and the uniform rate, in turns which of them first."""
    for is_sale in (True, False) if number % 2 else (False, True):
        what = f"{chosen.units} units of one product" if is_sale else "many products"
        with step(f"round {number} of {chosen.rounds}: {chosen.orders} orders, {what}"):
            if is_sale:
                planned = flash_sale_orders.of_one(cents, chosen.orders)
                sale = await flash_sale_round.sale(planned, chosen.units, processes, chosen.connections)
                found.add_sale(sale)
                print(f"    {sale.sold} sold, {sale.rate:.1f} orders a second", flush=True)
            else:
                planned = flash_sale_orders.of_many(chosen.orders)
                ran = await flash_sale_round.uniform(planned, processes, chosen.connections)
                found.add_uniform(ran)
                print(f"    {ran.rate:.1f} orders a second", flush=True)
