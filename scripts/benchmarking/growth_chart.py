"""The chart of `scripts/bench growth`: rate and memory over the number of orders stored."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarking.charts import OWN, drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(content: Mapping[str, Any]) -> Path:
    """Draw rates (median and single rounds) beside the memory of each process; return the file."""
    sizes = content["sizes"]
    labels = [f"{one['stored']:,}" for one in sizes]
    with drawn("growth", width=10, height=3.6) as (rates, file):
        _rates(rates, sizes, labels)
        memory = rates.figure.add_subplot(1, 2, 2)
        for name in sizes[0]["rss_mb"]:
            memory.plot(labels, [one["rss_mb"].get(name) for one in sizes], marker="o", label=name)
        memory.set_ylabel("resident memory, MB")
        memory.set_ylim(bottom=0)
        memory.set_xlabel("orders stored")
        memory.legend(fontsize="small", ncols=2)
    return file


def _rates(axes: "Axes", sizes: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> None:
    axes.set_subplotspec(axes.figure.add_gridspec(1, 2)[0])
    bars = axes.bar(labels, [one["rate"] for one in sizes], color=OWN, width=0.6)
    axes.bar_label(bars, [f"{one['rate']:.0f}/s\np50 {one['p50_ms']:.0f} ms" for one in sizes], padding=3)
    for place, one in enumerate(sizes):
        axes.plot([place] * len(one["rates"]), one["rates"], "k_", markersize=12)
    axes.set_ylabel("complete orders a second")
    axes.set_xlabel("orders stored")
    axes.margins(y=0.25)
