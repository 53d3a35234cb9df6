"""`scripts/bench http`: what one web process takes and serves."""

import argparse
import asyncio
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
from rich.console import Console
from rich.table import Table

from benchmarking import front_door_load, machine, options, platform, workload
from benchmarking.front_door_load import Client, Load
from benchmarking.front_door_stages import brought_to_their_end, now, web_alone, web_of
from benchmarking.platform import PlatformFailedError, complete, serving
from demonstration import catalogue, cdnow
from demonstration.cdnow import Purchase
from demonstration.customers import order_body
from demonstration.outcomes import Fate
from demonstration.setting_up import download, step

if TYPE_CHECKING:
    from benchmarking.options import Commands

DESCRIPTION = """\
What one web process takes and serves, asked over loopback by wrk: one thread, keep-alive, each connection sends its
next request when the last is answered (a closed loop).

accepted         POST /v1/orders, each under an Idempotency-Key of its own, for products of the catalogue. 202 is said
                 when RabbitMQ has confirmed the durable message. Only the Procfile's web runs, so the queue fills.
cached products  GET /v1/products/{id} of products whose read models are kept; only web runs.
orders shown     GET /v1/orders/{id} of completed orders. Their views are kept for a second, so all processes run, and
                 each of the orders is asked of its contexts about once a second.

A second of each before the first round is not counted. Any answer of 400 or above, or none, is an error: exit code 1.
Afterwards the workers are started, and the accepted orders are completed and audited; their stock was delivered before.
What stays is what completed orders leave, and in Redis their Idempotency-Keys for a day.
"""

#: Products, and completed orders, that are asked for in turn.
DISTINCT = 100

#: Orders a second for which there is stock; beyond it they would be rejected, and told as a violation.
MOST_A_SECOND = 10_000

#: Seconds of each kind before the first round.
WARM_UP = 1

#: The kinds of request, by the name of a round's figures; the figure that stands at the top of the JSON.
KINDS = {
    "accepted": "accepted_per_second",
    "cached_products": "cached_products_per_second",
    "orders_shown": "orders_shown_per_second",
}


@dataclass
class Figures:
    """What was measured so far: the rounds of each kind of request."""

    loads: dict[str, list[Load]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    warm_up_accepted: int = 0
    violations: list[str] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """Requests that were not answered, or not as they should be."""
        return sum(load.errors for loads in self.loads.values() for load in loads)

    @property
    def accepted(self) -> int:
        """Orders that were answered with 202, those of the warm-up included."""
        return self.warm_up_accepted + sum(load.requests - load.errors for load in self.loads["accepted"])

    def median(self, kind: str, figure: str) -> float:
        """Return the median of a figure over the rounds."""
        return float(statistics.median(load.as_json[figure] for load in self.loads[kind]))

    def as_json(self) -> dict[str, Any]:
        """Return the figures as the JSON file has them."""
        rounds = zip(*self.loads.values(), strict=True)
        figures = ("p50_ms", "p99_ms", "web_cpu_ms", "client_cpu_ms", "web_cores")
        return {
            **{name: self.median(kind, "per_second") for kind, name in KINDS.items()},
            "medians": {kind: {name: self.median(kind, name) for name in figures} for kind in KINDS},
            "rounds": [dict(zip(KINDS, (load.as_json for load in loads), strict=True)) for loads in rounds],
            "errors": self.errors,
            "violations": self.violations,
        }


def add_to(commands: "Commands") -> None:
    """Add the sub-command `http`."""
    parser = options.add_command(commands, "http", "what one web process takes and serves", DESCRIPTION)
    parser.add_argument(
        "--seconds", type=options.count, default=5, metavar="S", help="seconds of a measurement (default: 5)"
    )
    options.add_connections(parser, 64, "wrk keeps open")
    parser.add_argument("--rounds", type=options.count, default=3, metavar="R", help="rounds (default: 3)")
    parser.set_defaults(measure=measure)


async def measure(chosen: argparse.Namespace) -> int:
    """Measure all rounds; return 0 if every request was answered as it should and nothing was violated, else 1."""
    front_door_load.ensure_installed()
    options.install_for_charts(chosen)
    about, found = machine.machine(), Figures()
    await download(cdnow.DIRECTORY)
    bought = workload.one_line_purchases(DISTINCT)
    seconds = chosen.seconds * chosen.rounds + WARM_UP
    with step("the platform: stores, catalogue and stock"):
        await platform.set_up(bought, 1 + -(-MOST_A_SECOND * seconds // DISTINCT))
    await _orders_shown(chosen, bought, found)
    await _web_alone(chosen, bought, found)
    _tell(found, chosen)
    content = {**found.as_json(), "seconds": chosen.seconds, "connections": chosen.connections}
    options.write_json(chosen, content | {"machine": about, "versions": machine.versions([])})
    if chosen.charts:
        from benchmarking import front_door_chart

        print(f"drawn: {front_door_chart.draw(content)}")
    return 1 if found.errors or found.violations else 0


async def _orders_shown(chosen: argparse.Namespace, bought: Sequence[Purchase], found: Figures) -> None:
    """With all processes: complete some orders, show them, and have every product's read model kept."""
    run_id = uuid4()
    async with serving(run_id) as processes:
        with step(f"{len(bought)} orders are completed"):
            tally = await complete(workload.planned(bought), processes, run_id, chosen.connections)
        client = Client(processes.url, web_of(run_id), chosen.connections)
        paths = [f"/v1/orders/{order_id}" for order_id in tally.accepted]
        await client.get(paths, WARM_UP)
        for number in range(1, chosen.rounds + 1):
            await _load(number, chosen, "orders_shown", found, partial(client.get, paths, chosen.seconds))
        await _keep(processes.url, _product_paths(bought))


async def _web_alone(chosen: argparse.Namespace, bought: Sequence[Purchase], found: Figures) -> None:
    """With web alone: orders and products in turn. Then bring what was accepted to its end."""
    bodies, paths = [order_body(one, Fate.ORDINARY) for one in bought], _product_paths(bought)
    since, run_id = await asyncio.to_thread(now), uuid4()
    async with web_alone(run_id) as web:
        client = Client(web.url, web.pid, chosen.connections)
        warm_up = await client.post(bodies, f"{run_id}/0/", WARM_UP)
        found.warm_up_accepted = warm_up.requests - warm_up.errors
        await client.get(paths, WARM_UP)
        for number in range(1, chosen.rounds + 1):
            post = partial(client.post, bodies, f"{run_id}/{number}/", chosen.seconds)
            await _load(number, chosen, "accepted", found, post)
            await _load(number, chosen, "cached_products", found, partial(client.get, paths, chosen.seconds))
    unanswered = chosen.connections * (chosen.rounds + 1)
    with step(f"the {found.accepted} accepted orders are completed and audited"):
        found.violations += await brought_to_their_end(since, found.accepted, unanswered, uuid4())


async def _load(
    number: int, chosen: argparse.Namespace, kind: str, found: Figures, run: Callable[[], Awaitable[Load]]
) -> None:
    with step(f"round {number} of {chosen.rounds}: {kind.replace('_', ' ')}"):
        load = await run()
    found.loads[kind].append(load)
    print(f"    {load.per_second:.0f} a second, p99 {load.p99_ms:.1f} ms, {load.errors} errors", flush=True)


def _product_paths(bought: Sequence[Purchase]) -> list[str]:
    return [f"/v1/products/{catalogue.product_id(cents)}" for cents in cdnow.price_points(bought)]


async def _keep(url: str, paths: Sequence[str]) -> None:
    """Ask for each product once, so that its read model is kept for an hour. Raises `PlatformFailedError`."""
    async with aiohttp.ClientSession(url) as session:
        for path in paths:
            async with session.get(path) as answer:
                if answer.status != 200 or "incomplete" in await answer.json():
                    raise PlatformFailedError(f"GET {path} gives {answer.status}: {(await answer.text())[:200]}")


def _tell(found: Figures, chosen: argparse.Namespace) -> None:
    title = f"one web process, {chosen.connections} connections, {chosen.rounds} rounds of {chosen.seconds} s: medians"
    table = Table(title=title, title_justify="left")
    columns = ("", "a second", "rounds", "p50 ms", "p99 ms", "errors", "web CPU ms", "client CPU ms", "web cores")
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    for kind, loads in found.loads.items():
        figures = [f"{found.median(kind, name):.2f}" for name in ("p50_ms", "p99_ms")]
        costs = [f"{found.median(kind, name):.3f}" for name in ("web_cpu_ms", "client_cpu_ms")]
        rounds = " ".join(f"{load.per_second:.0f}" for load in loads)
        errors = str(sum(load.errors for load in loads))
        cores = f"{found.median(kind, 'web_cores'):.2f}"
        rate = f"{found.median(kind, 'per_second'):.0f}"
        table.add_row(kind.replace("_", " "), rate, rounds, *figures, errors, *costs, cores)
    Console().print(table)
    print(f"{found.errors} errors")
    options.tell_violations(found.violations)
