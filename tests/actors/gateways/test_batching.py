"""Repeated requests are looked up together; only what is not found is performed."""

from collections.abc import Sequence
from dataclasses import dataclass

from actors.gateways.batching import answered
from actors.gateways.sandbox_http import MOST_ELEMENTS


@dataclass(frozen=True)
class Request:
    name: str
    asked_before: bool = False


def performed(requests: Sequence[Request]) -> list[str]:
    return [f"performed {request.name}" for request in requests]


def test_what_the_look_up_finds_is_not_performed_again() -> None:
    requests = [Request("a"), Request("b", asked_before=True), Request("c", asked_before=True), Request("d")]
    known = {"a": "found a", "b": "found b"}

    outcomes = answered(requests, lambda asked: [known.get(request.name) for request in asked], performed)

    assert outcomes == ["performed a", "found b", "performed c", "performed d"]


def test_no_call_is_larger_than_a_server_takes() -> None:
    sizes: list[int] = []

    def counted(requests: Sequence[Request]) -> list[str]:
        sizes.append(len(requests))
        return performed(requests)

    requests = [Request(str(number)) for number in range(2 * MOST_ELEMENTS + 1)]

    assert answered(requests, lambda asked: [], counted) == performed(requests)
    assert sizes == [MOST_ELEMENTS, MOST_ELEMENTS, 1]
