"""The figures of `scripts/bench growth`, and what it says of them at the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarking import options


@dataclass(frozen=True, slots=True)
class Size:
    """What was measured with so many orders stored when it began.

    `rate` is the median of the rounds' rates, orders a second; memory is megabytes by process type; scans are by
    `context.table` and `context.table.index`; bytes on disk are by context.
    """

    stored: int
    rate: float
    rates: Sequence[float]
    p50_ms: float
    rss_mb: Mapping[str, float]
    sequential_scans: Mapping[str, Mapping[str, int]]
    index_scans: Mapping[str, int]
    database_bytes: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return it as the JSON file has it."""
        return asdict(self)


def tell(found: Sequence[Size], ratio: float, violations: Sequence[str]) -> None:
    """Print the figures, the sequential scans, and the violations."""
    console = Console()
    console.print(_figures(found))
    console.print(_memory(found))
    print(f"the rate at the last size is {ratio:.3f} of that at the first")
    for one in found:
        for table, scans in one.sequential_scans.items():
            counts = f"{scans['scans']} sequential scans read {scans['rows_read']:,} rows"
            print(f"with {one.stored:,} orders stored: {counts} of {table}")
        unused = [name for name, scans in one.index_scans.items() if not scans]
        print(f"with {one.stored:,} orders stored: {len(unused)} of {len(one.index_scans)} indexes were not used")
    options.tell_violations(violations)


def _figures(found: Sequence[Size]) -> Table:
    table = Table(title="with so many orders stored", title_justify="left")
    for name in ("stored", "orders/s", "rounds", "p50 ms", "largest process MB", "PostgreSQL GB", "MongoDB GB"):
        table.add_column(name, justify="right")
    for one in found:
        largest = max(one.rss_mb, key=lambda name: one.rss_mb[name], default="none")
        mongodb = one.database_bytes.get("notifications", 0)
        table.add_row(
            f"{one.stored:,}",
            f"{one.rate:.1f}",
            " ".join(f"{rate:.0f}" for rate in one.rates),
            f"{one.p50_ms:.1f}",
            f"{largest} {one.rss_mb.get(largest, 0.0):.0f}",
            f"{(sum(one.database_bytes.values()) - mongodb) / 1e9:.2f}",
            f"{mongodb / 1e9:.2f}",
        )
    return table


def _memory(found: Sequence[Size]) -> Table:
    table = Table(title="resident memory at the end, MB", title_justify="left")
    table.add_column("process")
    for one in found:
        table.add_column(f"{one.stored:,} stored", justify="right")
    for name in found[0].rss_mb:
        table.add_row(name, *(f"{one.rss_mb.get(name, 0.0):.0f}" for one in found))
    return table
