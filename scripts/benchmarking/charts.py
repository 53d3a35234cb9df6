"""Charts of the figures, as PNG files in docs/benchmarks/."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarking.comparison import OURS, Comparison
from demonstration.processes import ROOT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DIRECTORY = ROOT / "docs" / "benchmarks"

#: Green for what a chart is about, grey for what it is compared with.
OWN, OTHER = "#1f6f50", "#9aa5ad"

#: From light to dark, for steps of one thing.
TONES = ("#8cc9a8", "#3f9d74", "#1f6f50", "#0d3527")


@contextmanager
def drawn(name: str, width: float = 8, height: float = 4.5) -> "Iterator[tuple[Axes, Path]]":
    """Yield axes (inches) to draw on, and the file docs/benchmarks/<name>.png that holds the chart at the end."""
    import matplotlib  # only a run that draws needs it

    matplotlib.use("Agg")
    from matplotlib import pyplot

    DIRECTORY.mkdir(parents=True, exist_ok=True)
    file = DIRECTORY / f"{name}.png"
    figure, axes = pyplot.subplots(figsize=(width, height), layout="constrained")
    try:
        yield axes, file
        figure.savefig(file, dpi=120)
    finally:
        pyplot.close(figure)


def sagas(comparison: Comparison, title: str) -> Path:
    """Draw the rate of the platform and of each peer; return the file."""
    return _rates("sagas", comparison.rates, OURS, comparison.medians, "complete orders a second", title)


def flash_sale(rates: Mapping[str, Sequence[float]], own: str, medians: Mapping[str, float], title: str) -> Path:
    """Draw the rate of a flash sale beside the uniform one; return the file."""
    return _rates("flash_sale", rates, own, medians, "orders that came to their end, a second", title)


def latency(ordered_ms: Mapping[str, Sequence[float]], title: str) -> Path:
    """Draw what share of the orders took longer than how many milliseconds, a curve for each rate; return the file.

    Both axes are logarithmic. The values of each curve are in rising order.
    """
    with drawn("latency") as (axes, file):
        for place, (name, values) in enumerate(ordered_ms.items()):
            count = len(values)
            # The k-th least of n (from 0) is the percentile up to the share that n - k - 1 of them exceed.
            exceeding = [(count - rank) / count for rank in range(count)] + [0.5 / count]
            tone = TONES[place % len(TONES)]
            axes.plot(exceeding, [*values, values[-1]], drawstyle="steps-post", color=tone, label=name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.invert_xaxis()
        marks = {1.0: "least", 0.5: "p50", 0.1: "p90", 0.01: "p99", 0.001: "p99.9", 0.0001: "p99.99"}
        least = min(1 / len(values) for values in ordered_ms.values())
        told = {share: mark for share, mark in marks.items() if share >= least / 2}
        axes.set_xticks(list(told), list(told.values()), minor=False)
        axes.set_xticks([], minor=True)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.grid(visible=True, which="both", axis="y", alpha=0.25)
        axes.set_ylabel("ms from the appointed time to COMPLETED")
        axes.set_xlabel("percentile of the orders")
        axes.set_title(title, loc="left")
        axes.legend(title="orders", frameon=False)
    return file


def _rates(
    name: str, rates: Mapping[str, Sequence[float]], own: str, medians: Mapping[str, float], what: str, title: str
) -> Path:
    """Draw medians as bars, and the single rounds as strokes."""
    names = sorted(medians, key=medians.__getitem__)
    with drawn(name, height=0.6 * len(names) + 1.6) as (axes, file):
        colours = [OWN if one == own else OTHER for one in names]
        bars = axes.barh(names, [medians[one] for one in names], color=colours)
        axes.bar_label(bars, fmt="%.0f", padding=6)
        for place, one in enumerate(names):
            axes.plot(rates[one], [place] * len(rates[one]), "k|", markersize=10)
        axes.set_xlabel(f"{what} (bar: median, strokes: single rounds)")
        axes.set_title(title, loc="left")
        axes.margins(x=0.12)
    return file
