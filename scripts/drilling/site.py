"""What a fault is done to, and what is known once it has been done."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from drilling.clocks import Clocks
from drilling.platform import Platform

#: Seconds in which a killed process type must be there again before it can be struck anew.
RETURN_SECONDS = 30.0


#: Seconds in which a process that was told to stop must have ended: a worker may take 35 in all.
STOP_SECONDS = 90.0


class NotThereError(Exception):
    """Raised when a process type does not come back; the text is a sentence."""


class StillThereError(Exception):
    """Raised when a process that was told to stop does not end; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Site:
    """The running platform, and the clocks of its processes if they can be moved."""

    platform: Platform
    clocks: Clocks | None

    async def process(self, name: str) -> int:
        """Return the id of a process of this type, waiting for one that is being started; raises `NotThereError`."""
        deadline = time.monotonic() + RETURN_SECONDS
        while (pid := self.platform.process(name)) is None:
            if time.monotonic() > deadline:
                raise NotThereError(f"no {name} process is started; its log is {self.platform.log}/{name}.log")
            await asyncio.sleep(0.05)
        return pid


async def until_ended(pid: int, name: str) -> None:
    """Wait until a process that was told to stop has ended; raises `StillThereError`."""
    deadline = time.monotonic() + STOP_SECONDS
    while is_at_work(pid):
        if time.monotonic() > deadline:
            raise StillThereError(f"the {name} process {pid} was told to stop {STOP_SECONDS:.0f} s ago and goes on")
        await asyncio.sleep(0.05)


def is_at_work(pid: int) -> bool:
    """Whether a process is there and has not ended; one that nobody has taken leave of yet has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that was done: when it ended (monotonic seconds), for how long a server was away, and to what."""

    ended_at: float
    what: str
    outage: float | None = None


#: Does a fault with details from the dice; None if it found nothing to strike.
Strike = Callable[[Site, Random], Awaitable[Struck | None]]
