"""The progress line of a running drill."""

import asyncio
import sys
import time
from collections import Counter

from drilling.kinds import Kind
from drilling.ledger import Ledger

#: Seconds between two lines: at a terminal, where each replaces the last, and elsewhere.
FRAME, LINE = 0.5, 5.0


async def show(ledger: Ledger, faults: Counter[Kind], goal: str) -> None:
    """Show how far the drill is, until cancelled."""
    began, live = time.monotonic(), sys.stdout.isatty()
    while True:
        line = (
            f"{time.monotonic() - began:4.0f} s  faults {sum(faults.values())}/{goal}  "
            f"accepted {len(ledger.accepted)}  completed {ledger.completed}  in flight {len(ledger.in_flight)}  "
            f"sent again {ledger.retries}  {_by_kind(faults)}"
        )
        print(f"\r\x1b[2K{line}" if live else line, end="" if live else "\n", flush=True)
        await asyncio.sleep(FRAME if live else LINE)


def _by_kind(faults: Counter[Kind]) -> str:
    return " ".join(f"{kind}:{count}" for kind, count in faults.most_common())
