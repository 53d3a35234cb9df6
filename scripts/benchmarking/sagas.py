"""`scripts/bench sagas`: complete orders a second, the platform's and each peer's in turn, on the same servers."""

import argparse
import asyncio
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from benchmarking import charts, installing, machine, options, platform, workload
from benchmarking.comparison import OURS, Comparison
from benchmarking.peers import running
from benchmarking.peers.every import PEERS
from benchmarking.peers.peer import Peer
from demonstration import cdnow
from demonstration.cdnow import Purchase
from demonstration.setting_up import download, step

if TYPE_CHECKING:
    from benchmarking.options import Commands

DESCRIPTION = """\
Complete orders a second: real purchases of one line, from the first POST to the last journey COMPLETED, through the
Procfile's processes with all guarantees on. Then each peer does the same orders' business writes into databases of its
own on the same PostgreSQL. In each round all take their turn.

The peers have it easier: their orders are started in-process and not over HTTP, they ask neither a card network nor a
carrier, and they send no mails and keep no read models. Our mails are not in the rate either: their process stands back
while the processors are busy, and sends most of them afterwards.
"""

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


def add_to(commands: "Commands") -> None:
    """Add the sub-command `sagas`."""
    parser = options.add_command(commands, "sagas", "complete orders a second, beside peers", DESCRIPTION)
    parser.add_argument(
        "--orders", type=options.count, default=2000, metavar="N", help="orders a round (default: 2000)"
    )
    parser.add_argument(
        "--peers", type=_peers, default=[], metavar="P,...", help=f"of {','.join(PEERS)} (default: none)"
    )
    parser.add_argument("--rounds", type=options.count, default=3, metavar="R", help="rounds (default: 3)")
    options.add_connections(parser, 128, "post orders")
    parser.set_defaults(measure=measure)


async def measure(chosen: argparse.Namespace) -> int:
    """Measure what was chosen; see `compare`."""
    peers = [PEERS[name] for name in chosen.peers]
    wanted = Options(chosen.orders, chosen.rounds, peers, chosen.connections, chosen.json, chosen.charts)
    return await compare(wanted)


async def compare(wanted: Options) -> int:
    """Measure all rounds; return 0 if nothing was violated in any, else 1."""
    packages = [name for peer in wanted.peers for name in peer.distributions]
    installing.ensure([*packages, *(["matplotlib"] if wanted.charts else [])])
    about = machine.machine()
    await download(cdnow.DIRECTORY)
    bought = workload.one_line_purchases(wanted.orders)
    with step("the platform: stores, catalogue and stock"):
        await platform.set_up(bought, wanted.rounds)
    found = Comparison(wanted.orders, wanted.rounds)
    for number in range(1, wanted.rounds + 1):
        await _round(number, wanted, bought, found)
    _tell(found)
    if wanted.json:
        wanted.json.write_text(json.dumps(found.as_json(about, machine.versions(packages)), indent=2) + "\n")
    if wanted.charts:
        title = f"{wanted.orders} orders, {wanted.rounds} rounds, {about['cores']} cores"
        print(f"drawn: {charts.sagas(found, title)}")
    return 1 if found.violations else 0


async def _round(number: int, wanted: Options, bought: Sequence[Purchase], found: Comparison) -> None:
    """Measure the platform, then each peer."""
    with step(f"round {number} of {wanted.rounds}: the platform"):
        ours = await platform.round_of(bought, wanted.connections)
    found.add(OURS, ours.rate, ours.rows, ours.violations)
    found.settled_rates.append(round(ours.settled_rate, 1))
    print(f"    {ours.rate:.1f} orders a second; {ours.settled_rate:.1f} until all goods had left", flush=True)
    for peer in wanted.peers:
        with step(f"round {number} of {wanted.rounds}: {peer.name}"):
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


def _peers(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in PEERS:
            raise argparse.ArgumentTypeError(f"there is no peer {name!r}; choose from {', '.join(PEERS)}")
    return names
