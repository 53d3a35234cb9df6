"""The chart of `scripts/bench http`: requests a second of each kind, and what a request costs the web process."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarking.charts import OWN, drawn

#: What is drawn of each kind of request, from the top.
_KINDS = {
    "accepted": "POST /v1/orders",
    "cached_products": "GET /v1/products/{id}, kept",
    "orders_shown": "GET /v1/orders/{id}",
}


def draw(content: Mapping[str, Any]) -> Path:
    """Draw the medians as bars with the single rounds as strokes; return the file."""
    medians = [content[f"{kind}_per_second"] for kind in _KINDS]
    costs = [content["medians"][kind]["web_cpu_ms"] for kind in _KINDS]
    labels = [f"{median:.0f}  ({cost:.2f} ms of CPU)" for median, cost in zip(medians, costs, strict=True)]
    with drawn("http", height=3.2) as (axes, file):
        axes.bar_label(axes.barh(list(_KINDS.values()), medians, color=OWN), labels, padding=40)
        for place, kind in enumerate(_KINDS):
            rates = [one[kind]["per_second"] for one in content["rounds"]]
            axes.plot(rates, [place] * len(rates), "k|", markersize=10)
        axes.invert_yaxis()
        axes.set_xlabel("requests a second of one web process (bar: median, strokes: single rounds)")
        axes.set_title(f"{content['connections']} connections, {content['seconds']} s a round", loc="left")
        axes.margins(x=0.5)
    return file
