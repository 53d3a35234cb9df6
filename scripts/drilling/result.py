"""What a drill came to: the JSON file, and the verdict for a person."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from drilling.kinds import Kind
from drilling.ledger import Ledger
from drilling.memory import Memory
from drilling.recovery import Recoveries, summed_up

#: Sentences that are printed; all are in the JSON file.
MOST_SENTENCES = 20


@dataclass
class Result:
    """Filled as the drill goes on."""

    seed: int
    ledger: Ledger
    recoveries: Recoveries
    memory: Memory
    faults: Counter[Kind] = field(default_factory=Counter)
    outages: dict[Kind, list[float]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_over: dict[str, Any] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether every fault was done, every order came to its end and nothing anywhere disagrees or is left."""
        return not self.violations and not self.ledger.unfinished

    def as_json(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return {
            "seed": self.seed,
            "faults": {kind.value: self.faults[kind] for kind in Kind if self.faults[kind]},
            "orders": len(self.ledger.accepted),
            "completed": self.ledger.completed,
            "undone": self.ledger.undone,
            "cancelled": len(self.ledger.cancelled),
            "asked_to_cancel": len(self.ledger.asked_to_cancel),
            "violations": self.violations,
            "unfinished": self.ledger.unfinished,
            "recovery_seconds": self.recoveries.of_any_order(),
            "new_order_seconds": self.recoveries.of_new_orders(),
            "outage_seconds": summed_up(self.outages),
            "memory_mb": self.memory.as_json(),
            "left_over": self.left_over,
            "sent_again": self.ledger.retries,
            "notes": self.notes,
        }

    def write(self, file: Path) -> None:
        """Write the JSON file, whole or not at all."""
        draft = file.with_name(file.name + ".new")
        draft.write_text(json.dumps(self.as_json(), indent=2) + "\n")
        draft.replace(file)


def tell(result: Result, console: Console) -> None:
    """Print faults and recoveries by kind, what was found, and the verdict."""
    told = result.as_json()
    table = Table(title=f"Faults, seed {result.seed} (seconds)", title_justify="left")
    table.add_column("kind", no_wrap=True)
    for name in ("faults", "away p50", "next order p50", "max", "new order p50", "max"):
        table.add_column(name, justify="right")
    for kind, count in told["faults"].items():
        away, any_order, new_order = (
            told[name].get(kind, {}) for name in ("outage_seconds", "recovery_seconds", "new_order_seconds")
        )
        figures = (away.get("p50"), *_both(any_order), *_both(new_order))
        table.add_row(kind, str(count), *("" if figure is None else f"{figure:.1f}" for figure in figures))
    console.print(table)
    _sentences("Note", result.notes, console)
    _sentences("Violation", result.violations, console)
    print(_verdict(result), flush=True)


def _both(figures: dict[str, float]) -> tuple[float | None, float | None]:
    return figures.get("p50"), figures.get("max")


def _sentences(what: str, sentences: Sequence[str], console: Console) -> None:
    for sentence in sentences[:MOST_SENTENCES]:
        console.print(f"{what}: {sentence}", highlight=False, markup=False, soft_wrap=True)
    if len(sentences) > MOST_SENTENCES:
        print(f"and {len(sentences) - MOST_SENTENCES} more")


def _verdict(result: Result) -> str:
    ledger = result.ledger
    undone = ", ".join(f"{count} {reason}" for reason, count in ledger.undone.items()) or "none"
    told = (
        f"{sum(result.faults.values())} faults of {len(result.faults)} kinds; {len(ledger.accepted)} orders accepted: "
        f"{ledger.completed} completed, undone: {undone}; {ledger.unfinished} unfinished; "
        f"{len(result.violations)} violations"
    )
    return f"{'PASSED' if result.is_good else 'FAILED'}: {told}"
