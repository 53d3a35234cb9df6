"""`scripts/bench growth`: rate and latency with many orders already stored."""

import argparse
from typing import TYPE_CHECKING

from benchmarking import growth_stores, machine, options
from benchmarking.databases import NotPrivateError
from benchmarking.growth_report import tell
from benchmarking.growth_run import LATENCY_RATE, LATENCY_SECONDS, PATTERNS, SAMPLE, Growing
from contexts.subscriptions import CONTEXTS
from demonstration import cdnow
from demonstration.setting_up import download
from local_servers import variables
from persistence.databases import url_variable

if TYPE_CHECKING:
    from benchmarking.options import Commands

DESCRIPTION = f"""\
Rate and latency with many orders already stored. For each size, one after the other on the same stores:

1. Finished orders are loaded in bulk until so many are stored: copies of {PATTERNS} orders that the platform completed
   itself, with ids, customers, numbers and times of their own, in all tables that an order leaves rows in, in the
   notifications' collection and in every inbox; placed evenly over the last two years. Their stock was delivered, so
   the ledger agrees with the levels. Gateway, carrier and mail server know nothing of them. Levels after a movement
   (on_hand_after, reserved_after) are not made up. {SAMPLE:,} orders of each load are audited, and all stock levels.
2. VACUUM (ANALYZE) and a checkpoint, so that neither happens during the measurement.
3. The Procfile's processes complete {PATTERNS} orders that do not count, then --orders a round over HTTP, as
   `scripts/bench sagas` measures them; the rate is the median of the rounds. Then {LATENCY_RATE:g} orders a second for
   {LATENCY_SECONDS} s, as `scripts/bench latency` measures them. Then the memory of each process is read.
4. PostgreSQL's counts of scans, from before the processes started until after they stopped. This benchmark's own looks
   at its orders are among them. A sequential scan of a table of {growth_stores.LARGE:,} rows or more is told.

An order takes about ten kilobytes of disk. All stay in the private servers until `scripts/servers reset` deletes them
with everything else. With many more orders stored than the first size, nothing is measured.

The ratio is the rate at the last size over the rate at the first.
"""


def add_to(commands: "Commands") -> None:
    """Add the sub-command `growth`."""
    parser = options.add_command(commands, "growth", "rate and latency with many orders stored", DESCRIPTION)
    parser.add_argument(
        "--sizes", type=sizes, default=[0, 100_000, 1_000_000], metavar="N,...", help="default: 0,100000,1000000"
    )
    parser.add_argument(
        "--orders", type=options.count, default=2000, metavar="N", help="orders a round (default: 2000)"
    )
    parser.add_argument("--rounds", type=options.count, default=3, metavar="R", help="rounds a size (default: 3)")
    options.add_connections(parser, 256, "post orders")
    parser.set_defaults(measure=measure)


async def measure(chosen: argparse.Namespace) -> int:
    """Measure every size; return 0 if nothing was violated, else 1."""
    _require_private()
    options.install_for_charts(chosen)
    about = machine.machine()
    await download(cdnow.DIRECTORY)
    growing = Growing(chosen.sizes, chosen.orders, chosen.rounds, chosen.connections)
    found = await growing.all_sizes()
    violations = growing.violations
    content = {
        "sizes": [one.as_json() for one in found],
        "ratio": round(found[-1].rate / found[0].rate, 3),
        "orders": chosen.orders,
        "rounds": chosen.rounds,
        "violations": violations,
    }
    tell(found, content["ratio"], violations)
    options.write_json(chosen, content | {"machine": about, "versions": machine.versions(())})
    if chosen.charts:
        from benchmarking import growth_chart

        print(f"drawn: {growth_chart.draw(content)}")
    return 1 if violations else 0


def _require_private() -> None:
    """Raise `NotPrivateError` if any store is the caller's own: nobody wants made up orders there."""
    given = [variable for variable in map(url_variable, CONTEXTS) if variable in variables.given()]
    if given:
        raise NotPrivateError(f"{', '.join(given)}: orders are loaded into the private servers only; unset them")


def sizes(text: str) -> list[int]:
    """Read rising whole numbers. Raises `argparse.ArgumentTypeError`."""
    parts = text.split(",")
    found = [int(part) for part in parts if part.isdecimal()]
    if len(found) < len(parts) or found != sorted(set(found)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of rising whole numbers, such as 0,100000,1000000")
    return found
