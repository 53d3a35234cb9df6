"""What `scripts/bench profile` says at the terminal, and what it draws."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarking import flame_graph, options
from benchmarking.charts import DIRECTORY, OWN, drawn
from benchmarking.order_cost import OTHERS
from benchmarking.stack_samples import Stack

#: Functions that are told.
TOP = 25

Figures = Mapping[str, Any]


def tell(figures: Figures) -> None:
    """Print where the time goes, by process and by function, and what else an order costs."""
    console = Console()
    console.print(_by_process(figures))
    if figures["samples"]:
        console.print(_by_function(figures))
    console.print(_rows(figures))
    pages = f"{figures['wal_full_pages_per_order']:.2f} full pages"
    print(
        f"WAL {figures['wal_bytes_per_order']:,.0f} bytes an order, in {figures['wal_records_per_order']:.1f} records"
    )
    print(f"    with {pages} of 8,192 bytes; AMQP {figures['amqp_bytes_per_order']:,.0f} bytes an order, in and out")
    print(f"at rest the Procfile's processes keep {figures['idle_cores']:.3f} cores busy")
    if figures["not_sampled"]:
        print(f"no table by function: {figures['not_sampled']}")
    options.tell_violations(figures["violations"])


def draw(figures: Figures, stacks: Mapping[Stack, int]) -> list[Path]:
    """Draw the bars by process, and the flame graph if there are samples; return the files."""
    files = [_bars(figures)]
    if stacks:
        flame = DIRECTORY / "flame.svg"
        title = f"{figures['orders']} orders, {figures['samples']} samples of the Procfile's Python processes"
        flame.write_text(flame_graph.drawn(stacks, title))
        files.append(flame)
    return files


def _by_process(figures: Figures) -> Table:
    title = f"processor time an order, {figures['orders']} orders, {figures['rate']:.1f} a second"
    table = Table(title=title, title_justify="left")
    table.add_column("process")
    table.add_column("ms an order", justify="right")
    table.add_column("share", justify="right")
    total = figures["total_cpu_ms_per_order"]
    for name, spent in figures["cpu_ms_per_order"].items():
        share = "" if name == OTHERS else f"{100 * spent / max(total, 1e-9):.1f} %"
        table.add_row(name, f"{spent:.3f}", share)
    table.add_row("all of an order's", f"{total:.3f}", "100.0 %")
    return table


def _by_function(figures: Figures) -> Table:
    table = Table(title=f"by function, {figures['samples']} samples", title_justify="left")
    for name in ("self", "cumulative"):
        table.add_column(name, justify="right")
    table.add_column("function")
    for one in figures["functions"][:TOP]:
        table.add_row(f"{100 * one['self']:.1f} %", f"{100 * one['cumulative']:.1f} %", one["function"])
    return table


def _rows(figures: Figures) -> Table:
    table = Table(title="rows an order", title_justify="left")
    kinds = ("inserted", "updated", "hot_updated", "deleted")
    for name in ("table", *kinds):
        table.add_column(name.replace("hot_updated", "of these HOT"), justify="left" if name == "table" else "right")
    written = figures["rows_per_order"]
    for name, counts in written.items():
        table.add_row(name, *(f"{counts.get(kind, 0.0):.2f}" for kind in kinds))
    table.add_row("all", *(f"{sum(one.get(kind, 0.0) for one in written.values()):.2f}" for kind in kinds))
    return table


def _bars(figures: Figures) -> Path:
    spent = {name: value for name, value in figures["cpu_ms_per_order"].items() if name != OTHERS}
    with drawn("profile", height=0.32 * len(spent) + 1.4) as (axes, file):
        bars = axes.barh(list(spent), list(spent.values()), color=OWN)
        axes.bar_label(bars, fmt="%.2f", padding=4)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.set_xlabel("processor milliseconds an order")
        total = figures["total_cpu_ms_per_order"]
        axes.set_title(f"{total:.2f} ms an order at {figures['rate']:.0f} orders a second", loc="left")
    return file
