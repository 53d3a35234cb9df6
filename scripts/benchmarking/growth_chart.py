"""The chart of `scripts/bench growth`: rate and memory over the number of orders stored."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarking.charts import DIRECTORY


def draw(content: Mapping[str, Any]) -> Path:
    """Draw rates (median and single rounds) beside the memory of each process; return the file."""
    import matplotlib  # only a run that draws needs it

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sizes = content["sizes"]
    labels = [f"{one['stored']:,}" for one in sizes]
    figure, (rates, memory) = pyplot.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    bars = rates.bar(labels, [one["rate"] for one in sizes], color="#1f6f50", width=0.6)
    rates.bar_label(bars, [f"{one['rate']:.0f}/s\np50 {one['p50_ms']:.0f} ms" for one in sizes], padding=3)
    for place, one in enumerate(sizes):
        rates.plot([place] * len(one["rates"]), one["rates"], "k_", markersize=12)
    rates.set_ylabel("complete orders a second")
    rates.set_title(f"ratio {content['ratio']:.2f}", loc="left")
    rates.margins(y=0.25)
    for name in sizes[0]["rss_mb"]:
        memory.plot(labels, [one["rss_mb"].get(name) for one in sizes], marker="o", label=name)
    memory.set_ylabel("resident memory, MB")
    memory.set_ylim(bottom=0)
    memory.legend(fontsize="small", ncols=2)
    for axes in (rates, memory):
        axes.set_xlabel("orders stored")
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    file = DIRECTORY / "growth.png"
    figure.savefig(file, dpi=120)
    pyplot.close(figure)
    return file
