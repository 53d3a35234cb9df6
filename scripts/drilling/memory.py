"""How much memory the platform's processes hold, each from its own start to its own end."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: Megabytes that a process may grow by once it has warmed up.
ALLOWED_GROWTH = 50.0

#: Seconds of a process's life in which it fills its caches and pools: growth counts from there on.
WARM_UP = 60.0


@dataclass
class Life:
    """Resident megabytes (2^20 bytes) of one process, look after look; `began` is in monotonic seconds."""

    pid: int
    began: float
    first: float
    last: float
    most: float
    warm: float | None = None
    """What it held when it had warmed up; None for one that has not lived that long."""

    def note(self, now: float, resident: float) -> None:
        """Note what it holds now."""
        self.last, self.most = resident, max(self.most, resident)
        if self.warm is None and now - self.began >= WARM_UP:
            self.warm = resident

    @property
    def growth(self) -> float:
        """What it holds more than when it had warmed up; 0 before."""
        return 0.0 if self.warm is None else self.last - self.warm


@dataclass
class Memory:
    """The lives of each process type, in order: a killed process is another one's life than its successor."""

    lives: dict[str, list[Life]] = field(default_factory=dict)

    def look(self, processes: Mapping[str, int]) -> None:
        """Note what each process (its id by type) holds now; one that ended meanwhile is left out."""
        for name, pid in processes.items():
            if resident := _resident(pid):
                self.note(name, pid, resident, time.monotonic())

    def note(self, name: str, pid: int, resident: float, now: float) -> None:
        """Note what one process holds; a new id begins a new life."""
        lives = self.lives.setdefault(name, [])
        if not lives or lives[-1].pid != pid:
            lives.append(Life(pid, now, resident, resident, resident))
        lives[-1].note(now, resident)

    def as_json(self) -> dict[str, dict[str, float]]:
        """Return, by process type: first and last of its last process; the most and the most growth of any."""
        return {
            name: {
                "processes": len(lives),
                "first": round(lives[-1].first, 1),
                "last": round(lives[-1].last, 1),
                "max": round(max(life.most for life in lives), 1),
                "growth": round(max(life.growth for life in lives), 1),
            }
            for name, lives in self.lives.items()
        }

    def growth(self) -> list[str]:
        """Return a sentence for each process that has grown too much."""
        return [
            f"the {name} process {life.pid} held {life.last:.0f} MB at its end or the drill's, {life.warm:.0f} MB when "
            f"it was a minute old"
            for name, lives in self.lives.items()
            for life in lives
            if life.growth > ALLOWED_GROWTH
        ]


def _resident(pid: int) -> float | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), None)
