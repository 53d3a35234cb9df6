"""`scripts/bench latency`: how long one order takes at a given rate, from its appointed time to COMPLETED."""

import argparse
import asyncio
from collections.abc import Sequence
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from benchmarking import charts, latency_load, latency_report, latency_times, machine, options, platform, workload
from benchmarking.latency_figures import Latencies
from benchmarking.platform import serving
from demonstration import cdnow, outcomes
from demonstration.cdnow import Purchase
from demonstration.processes import Processes
from demonstration.setting_up import download, step
from drilling import breaking
from local_servers import variables

if TYPE_CHECKING:
    from benchmarking.options import Commands

#: Orders a second that are measured when none are named, and the share of the saturation rate that is measured too.
STEADY, SHARE = (1.0, 10.0, 100.0), 0.7
RATES = ", ".join(f"{rate:g}" for rate in STEADY)

#: Seconds at the same rate before the orders that count, and after them.
WARM_UP, COOL_DOWN = 5.0, 1.0

#: Real purchases that are ordered again and again.
PURCHASES = 10_000

DESCRIPTION = f"""\
The latency of one order at a steady rate. Open loop: every order has an appointed time, one every 1/R seconds, and is
posted then whatever became of the others; its latency counts from that time, so that a platform (or a client) that
falls behind cannot hide it. It ends at workflows.completed_at: the moment, by the same machine's clock, at which
coordination finds the journey COMPLETED, just before it commits that. The time of the HTTP request is included.

Orders are real purchases of one line, through the Procfile's processes with all guarantees on; the sandbox card network
and carrier answer at once. {WARM_UP:g} s at the same rate before, and {COOL_DOWN:g} s after, do not count.
A percentile is the least latency that so many of a hundred orders did not exceed: with fewer than 1,000 orders p99.9
is the longest of all.

Without --rate: {RATES} a second, and {SHARE:.0%} of the saturation rate, which a closed run of --orders finds
first, as `scripts/bench sagas` does. With one rate the JSON has its figures at the top.
"""


def add_to(commands: "Commands") -> None:
    """Add the sub-command `latency`."""
    parser = options.add_command(commands, "latency", "how long an order takes, at steady rates", DESCRIPTION)
    parser.add_argument(
        "--rate", type=options.above_0, nargs="+", default=[], metavar="R", help="orders a second; several are possible"
    )
    parser.add_argument(
        "--seconds", type=options.above_0, default=30.0, metavar="S", help="how long each rate is offered (default: 30)"
    )
    parser.add_argument(
        "--orders", type=options.count, default=2000, metavar="N", help="orders of the closed run (default: 2000)"
    )
    options.add_connections(parser, 256, "post the orders of the closed run")
    parser.set_defaults(measure=measure)


async def measure(chosen: argparse.Namespace) -> int:
    """Measure every rate; return 0 if nothing was violated at any, else 1."""
    options.install_for_charts(chosen)
    about = machine.machine()
    await download(cdnow.DIRECTORY)
    await asyncio.to_thread(_let_providers_answer_at_once)
    saturation = None if chosen.rate else await _saturation(chosen)
    rates = chosen.rate or [*STEADY, round(SHARE * saturation.rate, 1)] if saturation else chosen.rate
    found = await _each(rates, chosen.seconds)
    violations = [*(saturation.violations if saturation else ()), *(one for each in found for one in each.violations)]
    latency_report.tell(found, violations)
    figures: dict[str, Any] = found[0].as_json() if len(found) == 1 else {}
    figures |= {
        "rates": [one.as_json() for one in found],
        "saturation_rate": round(saturation.rate, 1) if saturation else None,
        "seconds": chosen.seconds,
        "warm_up_seconds": WARM_UP,
        "violations": violations,
        "machine": about,
        "versions": machine.versions(()),
    }
    options.write_json(chosen, figures)
    if chosen.charts:
        title = f"{chosen.seconds:g} s at each rate, {about['cores']} cores"
        print(f"drawn: {charts.latency({f'{one.rate:g}/s': one.ordered_ms for one in found}, title)}")
    return 1 if violations else 0


def _let_providers_answer_at_once() -> None:
    given = variables.given()
    for variable in ("PAYMENT_GATEWAY_URL", "CARRIER_URL"):
        if variable in given:
            print(f"note: {variable} is not the sandbox's: what that server takes is part of the latency")
        else:
            breaking.end_faults(variable)


async def _saturation(chosen: argparse.Namespace) -> platform.Round:
    """Measure how many orders a second the platform completes when it is offered as many as it takes."""
    bought = workload.one_line_purchases(chosen.orders)
    with step("the platform: stores, catalogue and stock"):
        await platform.set_up(bought, 1)
    with step(f"the saturation rate: {chosen.orders} orders over {chosen.connections} connections"):
        found = await platform.round_of(bought, chosen.connections)
    print(f"    {found.rate:.1f} orders a second", flush=True)
    return found


async def _each(rates: Sequence[float], seconds: float) -> list[Latencies]:
    """Measure the rates one after the other, on the same processes."""
    kept = workload.one_line_purchases(PURCHASES)
    orders = [list(islice(cycle(kept), _count(rate, seconds))) for rate in rates]
    with step("the platform: stores, catalogue and stock for all rates"):
        await platform.set_up([one for bought in orders for one in bought], 1)
    async with serving(uuid4()) as processes:
        return [await _at(rate, seconds, bought, processes) for rate, bought in zip(rates, orders, strict=True)]


def _count(rate: float, seconds: float) -> int:
    return round(rate * WARM_UP) + max(1, round(rate * seconds)) + round(rate * COOL_DOWN)


async def _at(rate: float, seconds: float, bought: Sequence[Purchase], processes: Processes) -> Latencies:
    """Offer orders at a rate, wait until all are completed and told of, and audit them."""
    with step(f"{rate:g} orders a second for {seconds:g} s, after {WARM_UP:g} s that do not count"):
        offered = await latency_load.offer(processes.url, workload.planned(bought), rate)
        await latency_load.until_ended(offered.tally)
    ids = [one.order_id for one in offered.sendings]
    with step(f"    mails and stock movements; the audit of {len(ids)} orders"):
        violations = await platform.audited(ids)
    violations += outcomes.surprises(offered.tally.accepted, offered.tally.came)
    first = round(rate * WARM_UP)
    counted = offered.sendings[first : first + max(1, round(rate * seconds))]
    histories = await asyncio.to_thread(latency_times.histories, counted)
    return Latencies.of(rate, histories, violations)
