"""Waiting until somebody waits: so that a test knows which of two transactions comes first."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

_WAITS = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"


def await_a_lock(look: Callable[..., list[Any]], pid: int) -> None:
    """Return when the connection of a server process waits for another's lock; fails if it does not in 20 s."""
    give_up = monotonic() + 20
    while not look(_WAITS, pid):
        assert monotonic() < give_up, "it never waited"
        sleep(0.01)
