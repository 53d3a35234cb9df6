"""What an order's journey can be and do: its statuses, the lines of its audit trail, and how long it waits."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

#: How long a command that has to succeed (retriable, compensation) waits before it is sent again: at first, at most.
#: Longer than one message is tried before it is dead, so that the sweep never sends a second copy of a command while
#: the first is still tried. An operator's retry may: whoever takes a command takes copies of it side by side.
RESEND_AFTER, LONGEST_WAIT = timedelta(minutes=30), timedelta(hours=4)

#: Times that a command which has to succeed is sent without an answer until its journey is stuck.
ESCALATE_AFTER = 2

#: From this total on, in minor units of the order's currency, a journey is stuck when it is overdue for the first time.
AT_RISK_MINOR = 500_00

#: Why a journey is undone, or an order returned, by somebody's wish.
CANCELLED, REVERSED = "cancelled", "reversed"
WISHES = frozenset({CANCELLED, REVERSED})


class UnknownJourney(LookupError):
    """Raised when an answer or a wish belongs to no journey that was begun."""


class Status(StrEnum):
    """Where a journey stands. The last two are final; STUCK is what must succeed and does not."""

    RUNNING = "RUNNING"
    COMPENSATING = "COMPENSATING"
    STUCK = "STUCK"
    COMPLETED = "COMPLETED"
    UNDONE = "UNDONE"


FINAL = frozenset({Status.COMPLETED, Status.UNDONE})


class Transition(NamedTuple):
    """One line of the audit trail: what happened at which step, why, and what else is to be known of it."""

    sequence: int
    kind: str
    step: str | None
    event: str | None
    at: datetime
    reason: str | None = None
    detail: Mapping[str, str | int] | None = None


def patience(times_sent: int) -> timedelta:
    """Return how long the answer to a command is waited for that has been sent so many times."""
    # The exponent has an end, since a timedelta has one: a command is sent again for ever.
    return min(RESEND_AFTER * (1 << min(times_sent - 1, 10)), LONGEST_WAIT)
