"""`scripts/bench sagas`: complete orders a second, the platform's and each peer's in turn, on the same servers."""

import argparse
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from benchmarking import charts, installing, machine, options, platform, workload
from benchmarking.comparison import OURS, Comparison
from benchmarking.peers import running
from benchmarking.peers.every import PEERS
from benchmarking.peers.peer import Peer
from benchmarking.threads import in_a_thread
from demonstration import cdnow
from demonstration.cdnow import Purchase
from demonstration.setting_up import download, step

if TYPE_CHECKING:
    from benchmarking.options import Commands

_BOUNDED = ", ".join(f"{peer.name} {peer.orders_at_most:,}" for peer in PEERS.values() if peer.orders_at_most)

DESCRIPTION = f"""\
Complete orders a second: real purchases of one line, from the first POST to the last journey COMPLETED, through the
Procfile's processes with all guarantees on. Then each peer does the same orders' business writes into databases of its
own on the same PostgreSQL. In each round all take their turn. So that a round of a slow peer takes about a minute, it
has the first of the orders only, at most: {_BOUNDED}. Its rate is over these.

The peers have it easier: their orders are started in-process and not over HTTP, they ask neither a card network nor a
carrier, and they send no mails and keep no read models. Our mails are not in the rate either: their process stands back
while the processors are busy, and sends most of them afterwards.
"""


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
    options.add_connections(parser, 256, "post orders")
    parser.set_defaults(measure=measure)


async def measure(chosen: argparse.Namespace) -> int:
    """Measure all rounds; return 0 if nothing was violated in any, else 1."""
    peers = [PEERS[name] for name in chosen.peers]
    packages = [name for peer in peers for name in peer.distributions]
    installing.ensure(packages)
    options.install_for_charts(chosen)
    about = machine.machine()
    await download(cdnow.DIRECTORY)
    bought = workload.one_line_purchases(chosen.orders)
    with step("the platform: stores, catalogue and stock"):
        await platform.set_up(bought, chosen.rounds)
    found = Comparison(chosen.orders, chosen.rounds)
    for number in range(1, chosen.rounds + 1):
        await _round(number, chosen, peers, bought, found)
    _tell(found)
    options.write_json(chosen, found.as_json(about, machine.versions(packages)))
    if chosen.charts:
        title = f"{found.orders_told}, {chosen.rounds} rounds, {about['cores']} cores"
        print(f"drawn: {charts.sagas(found, title)}")
    return 1 if found.violations else 0


async def _round(
    number: int, chosen: argparse.Namespace, peers: Sequence[Peer], bought: Sequence[Purchase], found: Comparison
) -> None:
    """Measure the platform, then each peer."""
    with step(f"round {number} of {chosen.rounds}: the platform"):
        ours = await platform.round_of(bought, chosen.connections)
    found.add(OURS, len(bought), ours.rate, ours.rows, ours.violations)
    found.settled_rates.append(round(ours.settled_rate, 1))
    print(f"    {ours.rate:.1f} orders a second; {ours.settled_rate:.1f} until all goods had left", flush=True)
    for peer in peers:
        with step(f"round {number} of {chosen.rounds}: {peer.name}"):
            orders = workload.orders(bought[: peer.orders_at_most], uuid4())
            theirs = await in_a_thread(partial(running.run, peer, orders))
        found.add(peer.name, len(orders), theirs.rate, theirs.rows, theirs.violations)
        print(f"    {theirs.rate:.1f} orders a second", flush=True)


def _tell(found: Comparison) -> None:
    table = Table(title="complete orders a second", title_justify="left")
    for name in ("", "orders", "median", "rounds", "ours / it", "rows inserted", "rows updated"):
        table.add_column(name, justify="left" if not name else "right")
    for name, median in found.medians.items():
        ratio = "" if name == OURS else f"{found.ratios[name]:.2f}"
        rows = found.rows[name].values()
        sums = [f"{sum(one[kind] for one in rows):.2f}" for kind in ("inserted", "updated")]
        rates = " ".join(f"{rate:.0f}" for rate in found.rates[name])
        table.add_row(name, f"{found.orders_taken[name]:,}", f"{median:.1f}", rates, ratio, *sums)
    Console().print(table)
    options.tell_violations(found.violations)


def _peers(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in PEERS:
            raise argparse.ArgumentTypeError(f"there is no peer {name!r}; choose from {', '.join(PEERS)}")
    return names
