"""The live display of a replay: a table at a terminal, a plain line every few seconds elsewhere."""

import asyncio

from rich.console import Console
from rich.live import Live
from rich.table import Table

from demonstration.tally import Tally

#: Seconds between two looks at a terminal, and between two lines elsewhere.
FRAME, LINE = 0.5, 3.0


async def show(tally: Tally, console: Console) -> None:
    """Show the tally until every order is final, or until cancelled."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            while not tally.is_over:
                live.update(_table(tally), refresh=True)
                await asyncio.sleep(FRAME)
            live.update(_table(tally), refresh=True)
        return
    while not tally.is_over:
        print(_line(tally), flush=True)
        await asyncio.sleep(LINE)
    print(_line(tally), flush=True)


def _table(tally: Tally) -> Table:
    table = Table(title=f"{tally.orders} orders", title_justify="left")
    shown = _shown(tally)
    for name in shown:
        table.add_column(name, justify="right", min_width=9)
    table.add_row(*shown.values())
    return table


def _line(tally: Tally) -> str:
    return "  ".join(f"{name} {value}" for name, value in _shown(tally).items())


def _shown(tally: Tally) -> dict[str, str]:
    final = len(tally.came)
    return {
        "elapsed": f"{tally.elapsed:.0f} s",
        "accepted": str(len(tally.accepted)),
        "in flight": str(len(tally.accepted) - final),
        "completed": str(tally.completed),
        "undone": str(final - tally.completed),
        "orders/s": f"{tally.rate_now():.0f}",
        "sent again": str(tally.retries),
        "restarts": str(tally.restarts),
    }
