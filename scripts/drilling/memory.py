"""How much memory each process type holds, from the drill's beginning to its end."""

from dataclasses import dataclass, field
from pathlib import Path

from drilling.platform import Platform

#: Megabytes by which a process type may have grown at the end.
ALLOWED_GROWTH = 50.0


@dataclass
class Memory:
    """Resident megabytes (2^20 bytes) of each process type, whichever process of it ran at the moment."""

    platform: Platform
    found: dict[str, list[float]] = field(default_factory=dict)

    def look(self) -> None:
        """Note what each process holds now; one that is being started again is left out."""
        for name in self.platform.commands:
            pid = self.platform.process(name)
            resident = _resident(pid) if pid else None
            if resident:
                self.found.setdefault(name, []).append(resident)

    def as_json(self) -> dict[str, dict[str, float]]:
        """Return first, last and most by process type."""
        return {
            name: {"first": round(values[0], 1), "last": round(values[-1], 1), "max": round(max(values), 1)}
            for name, values in self.found.items()
        }

    def growth(self) -> list[str]:
        """Return a sentence for each process type that has grown too much."""
        return [
            f"the {name} process holds {values[-1]:.0f} MB at the end, it held {values[0]:.0f} MB at the beginning"
            for name, values in self.found.items()
            if values[-1] - values[0] > ALLOWED_GROWTH
        ]


def _resident(pid: int) -> float | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), None)
