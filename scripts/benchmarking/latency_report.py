"""What `scripts/bench latency` says at the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarking import options
from benchmarking.latency_figures import TOLD, Latencies, percentile

#: Columns that the table of hops needs, wherever it is printed, for a hop's name and for each rate.
HOP_WIDTH, RATE_WIDTH = 42, 20


def tell(found: Sequence[Latencies], violations: Sequence[str]) -> None:
    """Print the percentiles of all rates, the hops of each, and the violations."""
    console = Console()
    console.print(_percentiles(found))
    Console(width=max(console.width, HOP_WIDTH + RATE_WIDTH * len(found))).print(_hops(found))
    options.tell_violations(violations)


def _percentiles(found: Sequence[Latencies]) -> Table:
    table = Table(title="milliseconds from an order's appointed time to COMPLETED", title_justify="left")
    for name in ("orders/s", "orders", "p50", "p90", "p99", "p99.9", "max", "p99 sent late"):
        table.add_column(name, justify="right")
    for one in found:
        figures = [percentile(one.ordered_ms, thousandths) for thousandths in TOLD.values()]
        told = [f"{figure:.1f}" for figure in (*figures, one.late_p99_ms)]
        table.add_row(f"{one.rate:g}", str(len(one.ordered_ms)), *told)
    return table


def _hops(found: Sequence[Latencies]) -> Table:
    """Return a row for each hop, with its median and p99 at each rate."""
    table = Table(title="milliseconds of each hop: median / p99", title_justify="left")
    table.add_column("hop")
    for one in found:
        table.add_column(f"at {one.rate:g}/s", justify="right")
    names = dict.fromkeys(hop.name for one in found for hop in one.hops)
    for name in names:
        table.add_row(name, *(_cell(one, name) for one in found))
    return table


def _cell(one: Latencies, name: str) -> str:
    return next((f"{hop.p50_ms:.1f} / {hop.p99_ms:.1f}" for hop in one.hops if hop.name == name), "")
