"""What the demo tells at its end: outcomes by reason, violations, two timelines, and the JSON file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
from rich.console import Console
from rich.table import Table

from demonstration.outcomes import COMPLETED, REASONS, Fate, PlannedOrder, expected_cents
from demonstration.tally import Tally

#: Sentences that are printed; all are in the JSON file.
MOST_SENTENCES = 20


@dataclass
class Result:
    """What a run came to."""

    tally: Tally
    planned: Sequence[PlannedOrder]
    setup_seconds: float
    captured_cents: int = 0
    violations: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def unfinished(self) -> int:
        """Orders that were accepted and are not final, or that were never accepted."""
        return self.tally.orders - len(self.tally.came)

    @property
    def is_good(self) -> bool:
        """Whether every order is final, each as expected, and the money is right to the cent."""
        return not self.unfinished and not self.violations and self.captured_cents == expected_cents(self.planned)

    def as_json(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return {
            "accepted": len(self.tally.accepted),
            "completed": self.tally.completed,
            "undone": self.tally.undone,
            "unfinished": self.unfinished,
            "captured_cents": self.captured_cents,
            "expected_cents": expected_cents(self.planned),
            "violations": self.violations,
            "orders_per_second": round(self.tally.rate, 1),
            "setup_seconds": round(self.setup_seconds, 1),
            "orders": self.tally.orders,
            "seconds": round(self.tally.seconds, 3),
            "sent_again": self.tally.retries,
            "restarts": self.tally.restarts,
        }

    def write(self, file: Path) -> None:
        """Write the JSON file, whole or not at all."""
        draft = file.with_name(file.name + ".new")
        draft.write_text(json.dumps(self.as_json(), indent=2) + "\n")
        draft.replace(file)


def outcomes(result: Result, console: Console) -> None:
    """Print the table of outcomes by reason."""
    table = Table(title="Outcomes by reason", title_justify="left")
    for name in ("outcome", "because", "expected", "found"):
        table.add_column(name, justify="right" if name in ("expected", "found") else "left")
    because = {reason: str(fate) for fate, reason in REASONS.items()} | {COMPLETED: str(Fate.ORDINARY)}
    found = result.tally.outcomes
    for outcome in (COMPLETED, *(name for name in {**because, **found} if name != COMPLETED)):
        expected = sum(order.outcome == outcome for order in result.planned)
        table.add_row(outcome, because.get(outcome, "nobody expected it"), str(expected), str(found[outcome]))
    console.print(table)


def conservation(result: Result, console: Console) -> None:
    """Print what the check found."""
    money = f"captured {_dollars(result.captured_cents)}, expected {_dollars(expected_cents(result.planned))}"
    console.print(f"Money: {money}", highlight=False)
    for note in result.notes:
        console.print(f"Note: {note}", highlight=False)
    if not result.violations:
        console.print("Conservation: the stores and the providers agree on every order, unit and cent", highlight=False)
        return
    console.print(f"Conservation: {len(result.violations)} violations", highlight=False)
    for sentence in result.violations[:MOST_SENTENCES]:
        console.print(f"  - {sentence}", highlight=False, soft_wrap=True)
    if len(result.violations) > MOST_SENTENCES:
        console.print(f"  and {len(result.violations) - MOST_SENTENCES} more", highlight=False)


async def timelines(url: str, tally: Tally, console: Console) -> None:
    """Print the timeline of one completed and of one undone order, as the front door tells it."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session:
        for wanted in (True, False):
            order_id = next((one for one, came in tally.came.items() if (came == COMPLETED) is wanted), None)
            if order_id is not None:
                async with session.get(f"{url}/v1/orders/{order_id}") as answer:
                    _timeline(order_id, await answer.json(), console)


def _timeline(order_id: UUID, order: dict[str, Any], console: Console) -> None:
    title = f"Order {order_id}: {order.get('status', order.get('title'))} {order.get('rejection_reason') or ''}"
    table = Table(title=title.strip(), title_justify="left")
    for name in ("at (UTC)", "what", "step", "reason"):
        table.add_column(name)
    for event in order.get("timeline") or ():
        table.add_row(event["at"][11:23], event["what"], event["step"] or "", event["reason"] or "")
    console.print(table)


def _dollars(cents: int) -> str:
    return f"{cents // 100:,}.{cents % 100:02}"
