"""How long a failed message waits, and how often it is tried: durable back-off with jitter."""

import random
from dataclasses import dataclass
from uuid import UUID

from contexts.identity import named
from contexts.messages import Stamped

#: Seconds that an inbox remembers a message: longer than any copy of it can be on its way.
INBOX_MEMORY = 7 * 24 * 3600.0


class ForgetfulInbox(ValueError):
    """Raised at the start when a message could be tried again after the inbox has forgotten it."""


@dataclass(frozen=True, slots=True)
class BackOff:
    """The n-th wait is `first_seconds` * 2^n, at most `longest_seconds`, times a random factor from 1 to 1.5."""

    attempts: int = 10
    first_seconds: float = 1.0
    longest_seconds: float = 300.0

    def __post_init__(self) -> None:
        if self.longest_life_seconds >= INBOX_MEMORY:
            life = f"a message may be tried for {self.longest_life_seconds:.0f} s"
            raise ForgetfulInbox(f"{life}, an inbox remembers it for {INBOX_MEMORY:.0f} s")

    def seconds(self, attempt: int) -> float:
        """Return the wait before attempt number `attempt` (the first retry is 1)."""
        wait: float = min(self.first_seconds * 2.0 ** min(attempt - 1, 30), self.longest_seconds)
        return wait * random.uniform(1.0, 1.5)

    @property
    def longest_life_seconds(self) -> float:
        """The longest time from a message's first attempt to its last; an inbox must remember longer."""
        return sum(
            min(self.first_seconds * 2.0 ** min(n, 30), self.longest_seconds) * 1.5 for n in range(self.attempts)
        )

    @staticmethod
    def parcel_id(message: Stamped) -> UUID:
        """Name the outbox row of this attempt, so that two copies of a message wait as one."""
        return named(message.id, f"attempt-{message.attempt}")
