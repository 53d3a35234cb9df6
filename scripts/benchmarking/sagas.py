"""`scripts/bench sagas`: complete orders a second, the platform's and each peer's in turn, on the same servers."""

import asyncio
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from benchmarking import charts, installing, machine, platform, workload
from benchmarking.comparison import OURS, Comparison
from benchmarking.peers import running
from benchmarking.peers.peer import Peer
from demonstration import cdnow
from demonstration.cdnow import Purchase
from demonstration.setting_up import download, step

#: Peers' violations are told by the first few: one fault breaks many rows.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller wants."""

    orders: int
    rounds: int
    peers: Sequence[Peer]
    connections: int
    json: Path | None
    charts: bool


async def compare(options: Options) -> int:
    """Measure all rounds; return 0 if nothing was violated in any, else 1."""
    packages = [name for peer in options.peers for name in peer.distributions]
    installing.ensure([*packages, *(["matplotlib"] if options.charts else [])])
    about = machine.machine()
    await download(cdnow.DIRECTORY)
    bought = workload.one_line_purchases(options.orders)
    with step("the platform: stores, catalogue and stock"):
        await platform.set_up(bought, options.rounds)
    found = Comparison(options.orders, options.rounds)
    for number in range(1, options.rounds + 1):
        await _round(number, options, bought, found)
    _tell(found)
    if options.json:
        options.json.write_text(json.dumps(found.as_json(about, machine.versions(packages)), indent=2) + "\n")
    if options.charts:
        title = f"{options.orders} orders, {options.rounds} rounds, {about['cores']} cores"
        print(f"drawn: {charts.sagas(found, title)}")
    return 1 if found.violations else 0


async def _round(number: int, options: Options, bought: Sequence[Purchase], found: Comparison) -> None:
    """Measure the platform, then each peer."""
    with step(f"round {number} of {options.rounds}: the platform"):
        ours = await platform.round_of(bought, options.connections)
    found.add(OURS, ours.rate, ours.rows, ours.violations)
    found.settled_rates.append(round(ours.settled_rate, 1))
    print(f"    {ours.rate:.1f} orders a second; {ours.settled_rate:.1f} until all goods had left", flush=True)
    for peer in options.peers:
        with step(f"round {number} of {options.rounds}: {peer.name}"):
            theirs = await _run(peer, workload.orders(bought, uuid4()))
        found.add(peer.name, theirs.rate, theirs.rows, theirs.violations)
        print(f"    {theirs.rate:.1f} orders a second", flush=True)


async def _run(peer: Peer, orders: Sequence[workload.OneLineOrder]) -> running.Round:
    """Run a peer in another thread. Cancelled, it stops the peer, and ends when that has cleaned up behind itself."""
    stopped = threading.Event()
    thread = asyncio.ensure_future(asyncio.to_thread(running.run, peer, orders, stopped))
    try:
        await asyncio.wait([thread])
    except asyncio.CancelledError:
        stopped.set()
        await asyncio.gather(thread, return_exceptions=True)
        raise
    return thread.result()


def _tell(found: Comparison) -> None:
    table = Table(title=f"complete orders a second, {found.orders} orders a round", title_justify="left")
    for name in ("", "median", "rounds", "ours / it", "rows inserted", "rows updated"):
        table.add_column(name, justify="left" if not name else "right")
    for name, median in found.medians.items():
        ratio = "" if name == OURS else f"{found.ratios[name]:.2f}"
        rows = found.rows[name].values()
        sums = [f"{sum(one[kind] for one in rows):.2f}" for kind in ("inserted", "updated")]
        table.add_row(name, f"{median:.1f}", " ".join(f"{rate:.0f}" for rate in found.rates[name]), ratio, *sums)
    Console().print(table)
    for sentence in found.violations[:SHOWN]:
        print(f"violation: {sentence}")
    print(f"{len(found.violations)} violations")
