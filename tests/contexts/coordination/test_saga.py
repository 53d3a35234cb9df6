"""A saga's definition is checked when it is made: one that could not be undone never starts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from contexts.coordination.definitions import SAGAS, Definitions
from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.place_order_1 import PLACE_ORDER_1
from contexts.coordination.return_order import RETURN_ORDER
from contexts.coordination.saga import Kind, MisorderedSaga, Saga, Stage, Step, Together
from contexts.delivery.messages import CancellationRefused
from contexts.inventory.messages import StockUnavailable
from contexts.inventory.model import HOLD
from contexts.orders.messages import OrderPlaced

RESERVE, PAY, SHIP, CAPTURE, COMPLETE = PLACE_ORDER_1.steps


def saga(*stages: Stage[OrderPlaced]) -> Saga[OrderPlaced]:
    return replace(PLACE_ORDER, stages=stages)


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
    with pytest.raises(MisorderedSaga, match="place_order: stages are"):
        saga(*steps)


@pytest.mark.parametrize("step", [RESERVE, PAY], ids=lambda step: step.name)
def test_a_step_that_may_have_to_be_undone_needs_a_compensation(step: Step[OrderPlaced]) -> None:
    lacking = replace(step, compensation=None)

    with pytest.raises(MisorderedSaga, match=f"{step.name}: .* lacks a compensation"):
        saga(*(lacking if one is step else one for one in PLACE_ORDER_1.steps))


def test_a_pivot_may_be_one_that_nothing_takes_back() -> None:
    assert saga(RESERVE, replace(SHIP, compensation=None), CAPTURE)


def test_a_retriable_step_has_no_compensation() -> None:
    with pytest.raises(MisorderedSaga, match=r"capture: .* has a compensation"):
        saga(RESERVE, SHIP, replace(CAPTURE, compensation=PAY.compensation))


def test_a_retriable_step_cannot_be_refused() -> None:
    with pytest.raises(MisorderedSaga, match="capture: a retriable step cannot be refused"):
        saga(RESERVE, SHIP, replace(CAPTURE, refused=StockUnavailable))


@pytest.mark.parametrize("step", [RESERVE, PAY], ids=lambda step: step.name)
def test_only_a_pivot_s_compensation_can_be_refused(step: Step[OrderPlaced]) -> None:
    assert step.compensation
    refusable = replace(step, compensation=replace(step.compensation, refused=CancellationRefused))

    with pytest.raises(MisorderedSaga, match=f"{step.name}: only a pivot's compensation can be refused"):
        saga(*(refusable if one is step else one for one in PLACE_ORDER_1.steps))


@pytest.mark.parametrize(
    "stages",
    [
        (Together(RESERVE, PAY), SHIP),
        (RESERVE, SHIP, Together(CAPTURE, COMPLETE)),
        (Together(RESERVE, PAY), SHIP, Together(CAPTURE, COMPLETE)),
    ],
)
def test_steps_of_one_kind_may_be_done_together(stages: Sequence[Stage[OrderPlaced]]) -> None:
    together = saga(*stages)

    assert [step.name for step in together.steps] == [step.name for stage in stages for step in stage.steps]
    assert together.index("pay") == 0 if stages[0] is not RESERVE else together.index("complete") == 2


@pytest.mark.parametrize("steps", [(), (RESERVE,), (RESERVE, SHIP), (PAY, CAPTURE), (SHIP, CAPTURE)])
def test_one_step_or_steps_of_several_kinds_are_not_done_together(steps: Sequence[Step[OrderPlaced]]) -> None:
    with pytest.raises(MisorderedSaga, match="together:"):
        Together(*steps)


def test_a_pivot_is_alone_on_its_stage() -> None:
    with pytest.raises(MisorderedSaga, match="place_order: stages are"):
        saga(RESERVE, Together(SHIP, replace(SHIP, name="ship too")), CAPTURE)


def test_a_stage_waits_as_long_as_its_most_patient_step() -> None:
    assert Together(CAPTURE, replace(COMPLETE, deadline=timedelta(hours=1))).deadline == timedelta(hours=1)


@pytest.mark.parametrize("double", [replace(PAY, name="reserve"), replace(PAY, done=RESERVE.done)])
def test_no_name_and_no_event_means_two_things(double: Step[OrderPlaced]) -> None:
    with pytest.raises(MisorderedSaga, match="means two things"):
        saga(RESERVE, double, SHIP, CAPTURE)


def test_no_event_belongs_to_two_sagas() -> None:
    with pytest.raises(MisorderedSaga, match="belongs to place_order and to return_order"):
        Definitions(PLACE_ORDER, replace(RETURN_ORDER, closed_undone=PLACE_ORDER.closed_undone))


def test_the_saga_that_takes_orders_back_has_to_be_there() -> None:
    with pytest.raises(MisorderedSaga, match="returned by return_order, which is no saga here"):
        Definitions(PLACE_ORDER)


def test_one_version_is_defined_once() -> None:
    with pytest.raises(MisorderedSaga, match="are the same"):
        Definitions(PLACE_ORDER, RETURN_ORDER, replace(PLACE_ORDER, abandoned_by=()))


def test_new_journeys_begin_under_the_newest_version_and_every_version_is_kept() -> None:
    newer = replace(PLACE_ORDER, version=3)
    definitions = Definitions(newer, PLACE_ORDER, RETURN_ORDER)

    assert definitions.newest("place_order") is newer
    assert definitions["place_order", 2] is PLACE_ORDER
    assert {definitions.hearing(event) for event in PLACE_ORDER.listens_to()} == {"place_order"}


def test_a_saga_listens_to_everything_that_moves_it() -> None:
    expected = {PLACE_ORDER.starts, PLACE_ORDER.closed_undone, *PLACE_ORDER.abandoned_by}
    for step in PLACE_ORDER.steps:
        expected |= {step.done} | ({step.refused} if step.refused else set())
        expected |= {step.compensation.done} if step.compensation else set()
        expected |= {step.compensation.refused} if step.compensation and step.compensation.refused else set()

    heard = list(PLACE_ORDER.listens_to())

    assert set(heard) == expected
    assert len(heard) == len(expected), "no event answers two questions"


def test_steps_are_found_by_name() -> None:
    assert [PLACE_ORDER.index(step.name) for step in PLACE_ORDER.steps] == [0, 1, 2, 3]
    with pytest.raises(KeyError):
        PLACE_ORDER.index("juggle")


def test_a_stored_journey_finds_its_definition_again() -> None:
    assert SAGAS[PLACE_ORDER.name, PLACE_ORDER.version] is PLACE_ORDER
    assert SAGAS["place_order", 1] is PLACE_ORDER_1
    assert SAGAS.newest("place_order") is PLACE_ORDER


def test_stock_is_held_for_longer_than_everything_before_the_pivot_s_answer_may_take() -> None:
    waits = [step.deadline for step in PLACE_ORDER.steps if step.kind is not Kind.RETRIABLE]

    assert sum(waits, timedelta()) < HOLD
