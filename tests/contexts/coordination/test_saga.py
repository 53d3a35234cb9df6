"""A saga's definition is checked when it is made: one that could not be undone never starts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from contexts.coordination.journey import SAGAS
from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.saga import Kind, MisorderedSaga, Saga, Step
from contexts.inventory.messages import StockUnavailable
from contexts.inventory.model import HOLD
from contexts.orders.messages import OrderPlaced

RESERVE, PAY, SHIP, CAPTURE, COMPLETE = PLACE_ORDER.steps


def saga(*steps: Step[OrderPlaced]) -> Saga[OrderPlaced]:
    return replace(PLACE_ORDER, steps=steps)


@pytest.mark.parametrize(
    "steps",
    [
        (SHIP,),
        (RESERVE, SHIP),
        (SHIP, CAPTURE),
        (RESERVE, PAY, SHIP, CAPTURE, COMPLETE),
    ],
    ids=["a pivot alone", "nothing after", "nothing before", "all"],
)
def test_compensatable_steps_then_one_pivot_then_retriable_steps_are_a_saga(steps: Sequence[Step[OrderPlaced]]) -> None:
    assert saga(*steps).steps == steps


@pytest.mark.parametrize(
    "steps",
    [
        (),
        (RESERVE, PAY),
        (CAPTURE, COMPLETE),
        (RESERVE, SHIP, SHIP, CAPTURE),
        (RESERVE, CAPTURE, SHIP),
        (CAPTURE, RESERVE, SHIP),
        (SHIP, RESERVE),
        (RESERVE, SHIP, CAPTURE, PAY),
        (SHIP, CAPTURE, SHIP),
        (RESERVE, SHIP, PAY, CAPTURE),
    ],
)
def test_any_other_order_of_kinds_is_refused(steps: Sequence[Step[OrderPlaced]]) -> None:
    with pytest.raises(MisorderedSaga, match="place_order: steps are"):
        saga(*steps)


@pytest.mark.parametrize("step", [RESERVE, PAY, SHIP], ids=lambda step: step.name)
def test_a_step_that_may_have_to_be_undone_needs_a_compensation(step: Step[OrderPlaced]) -> None:
    lacking = replace(step, compensation=None)

    with pytest.raises(MisorderedSaga, match=f"{step.name}: .* lacks a compensation"):
        saga(*(lacking if one is step else one for one in PLACE_ORDER.steps))


def test_a_retriable_step_has_no_compensation() -> None:
    with pytest.raises(MisorderedSaga, match=r"capture: .* has a compensation"):
        saga(RESERVE, SHIP, replace(CAPTURE, compensation=PAY.compensation))


def test_a_retriable_step_cannot_be_refused() -> None:
    with pytest.raises(MisorderedSaga, match="capture: a retriable step cannot be refused"):
        saga(RESERVE, SHIP, replace(CAPTURE, refused=StockUnavailable))


def test_a_saga_listens_to_everything_that_moves_it() -> None:
    expected = {PLACE_ORDER.starts, PLACE_ORDER.closed_undone, *PLACE_ORDER.abandoned_by}
    for step in PLACE_ORDER.steps:
        expected |= {step.done} | ({step.refused} if step.refused else set())
        expected |= {step.compensation.done} if step.compensation else set()

    heard = list(PLACE_ORDER.listens_to())

    assert set(heard) == expected
    assert len(heard) == len(expected), "no event answers two questions"


def test_steps_are_found_by_name() -> None:
    assert [PLACE_ORDER.index(step.name) for step in PLACE_ORDER.steps] == [0, 1, 2, 3, 4]
    with pytest.raises(KeyError):
        PLACE_ORDER.index("juggle")


def test_a_stored_journey_finds_its_definition_again() -> None:
    assert SAGAS[PLACE_ORDER.name, PLACE_ORDER.version] is PLACE_ORDER


def test_stock_is_held_for_longer_than_everything_before_the_pivot_s_answer_may_take() -> None:
    waits = [step.deadline for step in PLACE_ORDER.steps if step.kind is not Kind.RETRIABLE]

    assert sum(waits, timedelta()) < HOLD
