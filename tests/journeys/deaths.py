"""Deaths in store for workers: which crash points an actor passes, and arming one after the other."""

import importlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from actors.runtime.context import Context
from actors.runtime.crash_points import CrashPoint
from actors.runtime.handlers import AskingHandler, Handler, QueryHandler
from contexts.subscriptions import QUEUES

#: Passed only by an actor that asks a party outside.
OF_A_CALL = frozenset({CrashPoint.BEFORE_ATTEMPT_COMMIT, CrashPoint.BEFORE_CALL, CrashPoint.AFTER_CALL})

#: Passed by whoever sends to an actor; nobody does so through an outbox where the message comes from the front door.
OF_A_PUBLISH = frozenset(
    {CrashPoint.BEFORE_PUBLISH, CrashPoint.AFTER_PUBLISH, CrashPoint.AFTER_CONFIRM, CrashPoint.AFTER_ERASE}
)

#: Passed only with a message that fails.
OF_A_FAILURE = frozenset({CrashPoint.BEFORE_PUTTING_ASIDE, CrashPoint.AFTER_PUTTING_ASIDE})


@dataclass(frozen=True, slots=True)
class Case:
    """A worker dies at this point of this actor."""

    point: CrashPoint
    actor: str

    def __str__(self) -> str:
        return f"{self.point}@{self.actor}"


def registered() -> dict[str, Handler | AskingHandler]:
    """Return every actor of commands and events, by its name, as the worker processes register them."""
    contexts: list[Context] = [getattr(importlib.import_module(f"actors.{queue}"), queue.upper()) for queue in QUEUES]
    return {
        handler.destination.actor: handler
        for context in contexts
        for handler in context.handlers.values()
        if not isinstance(handler, QueryHandler)
    }


def cases(passed: set[str], posted: set[str]) -> list[Case]:
    """Return every death on a way that passes these actors, of which those posted get their message from an outbox."""
    handlers = registered()
    return [
        Case(point, actor)
        for point in CrashPoint
        for actor in sorted(passed)
        if point not in OF_A_FAILURE
        and (point not in OF_A_CALL or isinstance(handlers[actor], AskingHandler))
        and (point not in OF_A_PUBLISH or actor in posted)
    ]


@dataclass(frozen=True, slots=True)
class Deaths:
    """The directory that the workers look into."""

    directory: Path

    def arm(self, case: Case) -> None:
        """Let the next worker that reaches the point die there."""
        (self.directory / str(case)).touch()

    def comes(self, case: Case, seconds: float) -> bool:
        """Wait until a worker has died there, so many seconds at most; return whether one has."""
        died = self.directory / f"died-{case}"
        deadline = time.monotonic() + seconds
        while not died.exists():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        died.unlink()
        return True

    def left(self, cases: Sequence[Case], seconds: float) -> list[Case]:
        """Return those of these deaths that still wait after so many seconds; at once if none does."""
        deadline = time.monotonic() + seconds
        while left := [case for case in cases if (self.directory / str(case)).exists()]:
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return left
