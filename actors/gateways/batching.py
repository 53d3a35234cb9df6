"""How a batch of requests becomes few calls: lost answers are looked up together, the rest performed together."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from actors.gateways.sandbox_http import MOST_ELEMENTS


class Repeatable(Protocol):
    """A request that may have been made before."""

    @property
    def asked_before(self) -> bool:
        """Whether an earlier answer was lost."""
        ...


R = TypeVar("R", bound=Repeatable)
Answer = TypeVar("Answer")


def answered(
    requests: Sequence[R],
    look_up: Callable[[Sequence[R]], Sequence[Answer | None]],
    perform: Callable[[Sequence[R]], Sequence[Answer]],
) -> list[Answer]:
    """Return one outcome each, in order: what the look-up of the repeated requests finds, else what performing gives.

    Calls neither function without requests, nor with more than a server takes at once.
    """
    outcomes: dict[int, Answer] = {}
    repeated = [place for place, request in enumerate(requests) if request.asked_before]
    for place, found in zip(repeated, _in_parts(look_up, [requests[place] for place in repeated]), strict=True):
        if found is not None:
            outcomes[place] = found
    missing = [place for place in range(len(requests)) if place not in outcomes]
    outcomes.update(zip(missing, _in_parts(perform, [requests[place] for place in missing]), strict=True))
    return [outcomes[place] for place in range(len(requests))]


def _in_parts(call: Callable[[Sequence[R]], Sequence[Answer]], requests: Sequence[R]) -> list[Answer]:
    answers: list[Answer] = []
    for start in range(0, len(requests), MOST_ELEMENTS):
        answers.extend(call(requests[start : start + MOST_ELEMENTS]))
    return answers
