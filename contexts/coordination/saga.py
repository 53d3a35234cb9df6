"""A saga as data: a table of steps, read top to bottom in the order of the journey."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from contexts.messages import Command, JourneyEvent

Start = TypeVar("Start", bound=JourneyEvent)


class MisorderedSaga(TypeError):
    """Raised when a definition is not compensatable steps, then one pivot, then retriable steps, or lacks an answer."""


class Kind(StrEnum):
    """What may become of a step once it was asked for: undone; the point of no return; repeated until it is done."""

    COMPENSATABLE = "compensatable"
    PIVOT = "pivot"
    RETRIABLE = "retriable"


@dataclass(frozen=True, slots=True)
class Compensation(Generic[Start]):
    """How a step is undone, and the event that says so. It is never refused, only not yet done."""

    command: Callable[[Start], Command]
    done: type[JourneyEvent]


@dataclass(frozen=True, slots=True)
class Step(Generic[Start]):
    """One command and its answers. Without an answer in `deadline` a step is overdue: undone, or sent again.

    The time in queues counts, so a deadline is long: it is for an answer that will not come, not for one that is late.

    A pivot has a compensation too: for an answer that never came, since nobody knows whether it was done.
    """

    name: str
    kind: Kind
    command: Callable[[Start], Command]
    done: type[JourneyEvent]
    refused: type[JourneyEvent] | None = None
    compensation: Compensation[Start] | None = None
    deadline: timedelta = timedelta(minutes=10)


@dataclass(frozen=True)
class Saga(Generic[Start]):
    """A journey: what begins it, its steps, and how it is closed when everything was undone.

    `abandoned_by` names events that end a journey's wait: it is undone if one comes before the pivot was sent.
    """

    name: str
    version: int
    starts: type[Start]
    steps: tuple[Step[Start], ...]
    close_undone: Callable[[Start, str], Command]
    closed_undone: type[JourneyEvent]
    abandoned_by: tuple[type[JourneyEvent], ...] = ()

    def __post_init__(self) -> None:
        kinds = "".join(step.kind.value[0] for step in self.steps)
        if kinds.count("p") != 1 or kinds.lstrip("c").lstrip("p").strip("r"):
            raise MisorderedSaga(f"{self.name}: steps are {[step.kind.value for step in self.steps]}")
        for step in self.steps:
            if (step.kind is Kind.RETRIABLE) is (step.compensation is not None):
                found = "has" if step.compensation else "lacks"
                raise MisorderedSaga(f"{self.name}.{step.name}: a {step.kind} step that {found} a compensation")
            if step.kind is Kind.RETRIABLE and step.refused is not None:
                raise MisorderedSaga(f"{self.name}.{step.name}: a retriable step cannot be refused")

    def listens_to(self) -> Iterator[type[JourneyEvent]]:
        """Yield every event that moves an instance of this saga."""
        yield self.starts
        for step in self.steps:
            yield step.done
            if step.refused:
                yield step.refused
            if step.compensation:
                yield step.compensation.done
        yield self.closed_undone
        yield from self.abandoned_by

    def index(self, step_name: str) -> int:
        """Return the place of a step; raises `KeyError` for a name that no step has."""
        for place, step in enumerate(self.steps):
            if step.name == step_name:
                return place
        raise KeyError(step_name)
