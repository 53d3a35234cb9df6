"""What a fault is done to, and what is known once it has been done."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from drilling.clocks import Clocks
from drilling.platform import Platform

#: Seconds in which a killed process type must be there again before it can be struck anew.
RETURN_SECONDS = 30.0


class NotThereError(Exception):
    """Raised when a process type does not come back; the text is a sentence."""


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


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that was done: when it ended (monotonic seconds), for how long a server was away, and to what."""

    ended_at: float
    what: str
    outage: float | None = None


#: Does a fault with details from the dice; None if it found nothing to strike.
Strike = Callable[[Site, Random], Awaitable[Struck | None]]
