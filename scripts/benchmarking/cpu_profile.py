"""`scripts/bench profile`: where the processor time of one order goes, and what else an order costs."""

import argparse
import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from auditing import audit
from auditing.waiting import FIGURES_SECONDS
from benchmarking import cost_report, machine, options, order_cost, platform, process_figures, workload
from benchmarking.order_cost import Meter
from benchmarking.platform import complete, serving
from benchmarking.row_counts import LATE_SECONDS
from benchmarking.stack_samples import CannotSampleError, Sampling, Stack, functions
from demonstration import cdnow, outcomes
from demonstration.cdnow import Purchase
from demonstration.processes import Processes
from demonstration.setting_up import download, step

if TYPE_CHECKING:
    from benchmarking.options import Commands

#: Orders that are completed before anything is measured.
WARM_UP = 100

#: Functions in the JSON file.
MOST_FUNCTIONS = 100

DESCRIPTION = f"""\
Where the processor time of one order goes, and what else an order costs, averaged over --orders real purchases of one
line that are offered over HTTP at once, as `scripts/bench sagas` does, after {WARM_UP} that do not count.

by process   CPU milliseconds an order, user and system, from /proc: of the Procfile's processes, of the servers with
             their children, of the sandbox providers, of this client, and of everything else that the machine did
             meanwhile. From just before the first POST until the platform is at rest: mails are sent and goods shipped.
by function  the same orders again, with py-spy beside each of the Procfile's processes: the threads that held the
             interpreter's lock, in Python or in C below it; what C does without the lock is not seen. Sampling slows
             the platform, so this pass gives shares only.
WAL          bytes of PostgreSQL's write-ahead log, pages logged whole after a checkpoint included (they are told).
AMQP         bytes in and out of RabbitMQ over all connections.
rows         of all tables of all contexts, and MongoDB's documents; over all orders, those of the warm-up included.
"""


class Found:
    """What one run found."""

    def __init__(self) -> None:
        self.figures: dict[str, Any] = {}
        self.stacks: Counter[Stack] = Counter()
        self.not_sampled: str | None = None
        self.ids: list[UUID] = []
        self.violations: list[str] = []


def add_to(commands: "Commands") -> None:
    """Add the sub-command `profile`."""
    parser = options.add_command(commands, "profile", "where the processor time of one order goes", DESCRIPTION)
    parser.add_argument(
        "--orders", type=options.count, default=2000, metavar="N", help="orders of each pass (default: 2000)"
    )
    options.add_connections(parser, 256, "post orders")
    parser.set_defaults(measure=measure)


async def measure(chosen: argparse.Namespace) -> int:
    """Measure both passes; return 0 if nothing was violated, else 1."""
    options.install_for_charts(chosen)
    about, found = machine.machine(), Found()
    await download(cdnow.DIRECTORY)
    bought = workload.one_line_purchases(chosen.orders)
    warm_up = list(islice(cycle(bought), WARM_UP))
    with step("the platform: stores, catalogue and stock"):
        await platform.set_up([*warm_up, *bought, *bought], 1)
    await asyncio.sleep(LATE_SECONDS)
    before = await asyncio.to_thread(order_cost.rows_written)
    await _passes(chosen, warm_up, bought, found)
    await asyncio.sleep(LATE_SECONDS)
    after = await asyncio.to_thread(order_cost.rows_written)
    with step(f"the audit of {len(found.ids)} orders"):
        report = await asyncio.to_thread(audit, orders=found.ids)
    found.violations += [str(one) for one in report.violations]
    found.figures |= {
        "rows_per_order": order_cost.rows_per_order(before, after, len(found.ids)),
        "functions": [
            {"function": one.name, "self": round(one.own, 5), "cumulative": round(one.cumulative, 5)}
            for one in functions(found.stacks)[:MOST_FUNCTIONS]
        ],
        "samples": found.stacks.total(),
        "not_sampled": found.not_sampled,
        "orders": chosen.orders,
        "violations": found.violations,
    }
    cost_report.tell(found.figures)
    options.write_json(chosen, found.figures | {"machine": about, "versions": machine.versions(())})
    if chosen.charts:
        for file in cost_report.draw(found.figures, found.stacks):
            print(f"drawn: {file}")
    return 1 if found.violations else 0


async def _passes(
    chosen: argparse.Namespace, warm_up: Sequence[Purchase], bought: Sequence[Purchase], found: Found
) -> None:
    """Complete the orders twice on the same processes: once read from /proc, once sampled."""
    run_id = uuid4()
    async with serving(run_id) as processes:
        with step(f"{len(warm_up)} orders that do not count"):
            await _completed(warm_up, processes, chosen.connections, found)
        meter = Meter(run_id)
        with step(f"{len(bought)} orders: processor time by process, WAL, AMQP"):
            found.figures |= await _metered(meter, bought, processes, chosen.connections, found)
        with step(f"{len(bought)} orders: samples by function"):
            await _sampled(meter, bought, processes, chosen.connections, found)


async def _metered(
    meter: Meter, bought: Sequence[Purchase], processes: Processes, connections: int, found: Found
) -> dict[str, Any]:
    await asyncio.sleep(FIGURES_SECONDS)
    amqp = await asyncio.to_thread(order_cost.amqp_bytes)
    before = await meter.begun()
    rate = await _complete_once(bought, processes, connections, found)
    after = await meter.at_rest()
    await asyncio.sleep(FIGURES_SECONDS)
    count = len(bought)
    sent = order_cost.amqp_difference(amqp, await asyncio.to_thread(order_cost.amqp_bytes))
    await platform.settled(found.ids[-count:])
    by_process = order_cost.cpu_ms(before, after, count)
    return {
        "cpu_ms_per_order": by_process,
        "total_cpu_ms_per_order": round(sum(by_process.values()) - by_process[order_cost.OTHERS], 3),
        "idle_cores": meter.idle_cores,
        "rate": rate,
        "wal_bytes_per_order": round((after.wal_bytes - before.wal_bytes) / count, 1),
        "wal_records_per_order": round((after.wal_records - before.wal_records) / count, 2),
        "wal_full_pages_per_order": round((after.wal_pages - before.wal_pages) / count, 3),
        "amqp_bytes_per_order": round(sent / count, 1),
    }


async def _sampled(
    meter: Meter, bought: Sequence[Purchase], processes: Processes, connections: int, found: Found
) -> None:
    """Complete the orders under py-spy's eyes; where it cannot look, say why and leave the orders be."""
    sampling = Sampling(process_figures.without_supervisors(meter.procfile))
    try:
        await asyncio.to_thread(sampling.start)
        await _completed(bought, processes, connections, found)
    except CannotSampleError as problem:
        found.not_sampled = str(problem)
        print(f"    {problem}", flush=True)
    finally:
        found.stacks = await asyncio.to_thread(sampling.stop)


async def _complete_once(bought: Sequence[Purchase], processes: Processes, connections: int, found: Found) -> float:
    """Complete some orders; return how many a second."""
    tally = await complete(workload.planned(bought), processes, uuid4(), connections)
    found.ids += tally.accepted
    found.violations += outcomes.surprises(tally.accepted, tally.came)
    return round(tally.rate, 1)


async def _completed(bought: Sequence[Purchase], processes: Processes, connections: int, found: Found) -> None:
    await _complete_once(bought, processes, connections, found)
    await platform.settled(found.ids)
