"""A saga as data: a table of stages, read top to bottom in the order of the journey."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Generic, TypeAlias, TypeVar

from contexts.messages import Command, JourneyEvent

Start = TypeVar("Start", bound=JourneyEvent)


class MisorderedSaga(TypeError):
    """Raised when a definition is not compensatable stages, then one pivot, then retriable stages, or lacks an answer,
    or when one of its names or events means two things."""


class Kind(StrEnum):
    """What may become of a step that was asked for: undone; done, with no way back behind it; repeated until done."""

    COMPENSATABLE = "compensatable"
    PIVOT = "pivot"
    RETRIABLE = "retriable"


@dataclass(frozen=True, slots=True)
class WithReason(Generic[Start]):
    """A command that says why the journey is made, beside what it is about."""

    command: Callable[[Start, str], Command]


@dataclass(frozen=True, slots=True)
class Compensation(Generic[Start]):
    """How a step is undone, and the event that says so.

    Only a pivot's may be `refused`: then the step counts as done, and the journey goes forward. Any other is never
    refused, only not yet done.
    """

    command: Callable[[Start], Command]
    done: type[JourneyEvent]
    refused: type[JourneyEvent] | None = None


@dataclass(frozen=True, slots=True)
class Step(Generic[Start]):
    """One command and its answers. Without an answer in `deadline` a step is overdue: undone, or sent again.

    The time in queues counts, so a deadline is long: it is for an answer that will not come, not for one that is late.

    A pivot has a compensation where it can be taken back although nobody knows whether it was done. One without is sent
    again until it is answered.
    """

    name: str
    kind: Kind
    command: Callable[[Start], Command] | WithReason[Start]
    done: type[JourneyEvent]
    refused: type[JourneyEvent] | None = None
    compensation: Compensation[Start] | None = None
    deadline: timedelta = timedelta(minutes=10)

    @property
    def steps(self) -> "tuple[Step[Start], ...]":
        """A step is a stage of its own."""
        return (self,)

    def asked(self, start: Start, reason: str) -> Command:
        """Return the command that asks for this step."""
        if isinstance(self.command, WithReason):
            return self.command.command(start, reason)
        return self.command(start)

    def answers(self) -> Iterator[type[JourneyEvent]]:
        """Yield every event that answers this step or its compensation."""
        yield self.done
        if self.refused:
            yield self.refused
        if self.compensation:
            yield self.compensation.done
            if self.compensation.refused:
                yield self.compensation.refused


@dataclass(frozen=True, init=False)
class Together(Generic[Start]):
    """Steps of one kind that are done side by side, and undone side by side. It is done when all of them are.

    It waits as long as its most patient step.
    """

    steps: tuple[Step[Start], ...]

    def __init__(self, *steps: Step[Start]) -> None:
        if len(steps) < 2 or len({step.kind for step in steps}) > 1:
            raise MisorderedSaga(f"together: {[(step.name, step.kind.value) for step in steps]}")
        object.__setattr__(self, "steps", steps)

    @property
    def kind(self) -> Kind:
        """The kind of all its steps."""
        return self.steps[0].kind

    @property
    def deadline(self) -> timedelta:
        """How long it waits for all answers."""
        return max(step.deadline for step in self.steps)


Stage: TypeAlias = Step[Start] | Together[Start]


@dataclass(frozen=True)
class Saga(Generic[Start]):
    """A journey: what begins it, its stages, and how it is closed when everything was undone.

    Without `starts` it is begun by another journey. `abandoned_by` names events that end a journey's wait: it is undone
    if one comes before the pivot was sent. `returned_by` names the saga that takes a completed journey back.
    """

    name: str
    version: int
    starts: type[Start] | None
    stages: tuple[Stage[Start], ...]
    close_undone: Callable[[Start, str], Command]
    closed_undone: type[JourneyEvent]
    abandoned_by: tuple[type[JourneyEvent], ...] = ()
    returned_by: str | None = None

    def __post_init__(self) -> None:
        kinds = "".join(stage.kind.value[0] for stage in self.stages)
        pivots = [step for step in self.steps if step.kind is Kind.PIVOT]
        if len(pivots) != 1 or kinds.lstrip("c").lstrip("p").strip("r"):
            raise MisorderedSaga(f"{self.name}: stages are {[stage.kind.value for stage in self.stages]}")
        for step in self.steps:
            self._check(step)
        for told in ([step.name for step in self.steps], list(self.listens_to())):
            if len(set(told)) < len(told):
                raise MisorderedSaga(f"{self.name}: one of {told} means two things")

    def _check(self, step: Step[Start]) -> None:
        if step.kind is Kind.COMPENSATABLE and step.compensation is None:
            raise MisorderedSaga(f"{self.name}.{step.name}: a {step.kind} step that lacks a compensation")
        if step.kind is not Kind.PIVOT and step.compensation is not None and step.compensation.refused is not None:
            raise MisorderedSaga(f"{self.name}.{step.name}: only a pivot's compensation can be refused")
        if step.kind is Kind.RETRIABLE and step.compensation is not None:
            raise MisorderedSaga(f"{self.name}.{step.name}: a {step.kind} step that has a compensation")
        if step.kind is Kind.RETRIABLE and step.refused is not None:
            raise MisorderedSaga(f"{self.name}.{step.name}: a retriable step cannot be refused")

    @cached_property
    def steps(self) -> tuple[Step[Start], ...]:
        """All steps, in the order of the table."""
        return tuple(step for stage in self.stages for step in stage.steps)

    @cached_property
    def next_actions(self) -> dict[tuple[str, ...], str]:
        """What was said once of what comes next, by course and awaited steps: each transition writes it down again."""
        return {}

    def listens_to(self) -> Iterator[type[JourneyEvent]]:
        """Yield every event that moves an instance of this saga."""
        if self.starts:
            yield self.starts
        for step in self.steps:
            yield from step.answers()
        yield self.closed_undone
        yield from self.abandoned_by

    def index(self, step_name: str) -> int:
        """Return the place of the stage with a step; raises `KeyError` for a name that no step has."""
        for place, stage in enumerate(self.stages):
            if any(step.name == step_name for step in stage.steps):
                return place
        raise KeyError(step_name)
