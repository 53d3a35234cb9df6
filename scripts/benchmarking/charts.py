"""Charts of the figures, as PNG files in docs/benchmarks/."""

from pathlib import Path

from benchmarking.comparison import OURS, Comparison
from demonstration.processes import ROOT

DIRECTORY = ROOT / "docs" / "benchmarks"


def sagas(comparison: Comparison, title: str) -> Path:
    """Draw the median of each as a bar, with the single rounds as points; return the file."""
    import matplotlib  # only a run that draws needs it

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = sorted(comparison.medians, key=comparison.medians.__getitem__)
    figure, axes = pyplot.subplots(figsize=(8, 0.6 * len(names) + 1.6), layout="constrained")
    colours = ["#1f6f50" if name == OURS else "#9aa5ad" for name in names]
    bars = axes.barh(names, [comparison.medians[name] for name in names], color=colours)
    axes.bar_label(bars, fmt="%.0f", padding=6)
    for place, name in enumerate(names):
        rates = comparison.rates[name]
        axes.plot(rates, [place] * len(rates), "k|", markersize=10)
    axes.set_xlabel("complete orders a second (bar: median, strokes: single rounds)")
    axes.set_title(title, loc="left")
    axes.margins(x=0.12)
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    file = DIRECTORY / "sagas.png"
    figure.savefig(file, dpi=120)
    pyplot.close(figure)
    return file
