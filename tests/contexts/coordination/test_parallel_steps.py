"""Steps that are done side by side: sent at once, awaited together, undone together."""

from datetime import timedelta

import pytest

from contexts.coordination.transitions import RESEND_AFTER, Status
from contexts.delivery.messages import CancelShipment, DeliveryRefused, ScheduleDelivery, ShipmentScheduled
from contexts.inventory.messages import (
    ReleaseStock,
    ReservationExpired,
    ReserveStock,
    StockReleased,
    StockReserved,
    StockUnavailable,
)
from contexts.messages import Command, JourneyEvent
from contexts.orders.messages import (
    AuthorizePayment,
    CapturePayment,
    CompleteOrder,
    OrderCompleted,
    OrderRejected,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentReversed,
    RejectOrder,
    ReversePayment,
)
from tests.contexts.examples import an_order

from .journey_dsl import Journey
from .parallel import PARALLEL

BOTH = (StockReserved, PaymentAuthorized)


def begun() -> Journey:
    """An order whose stock and payment are asked for."""
    journey = Journey(PARALLEL).begin(an_order())
    both: list[type[Command]] = [ReserveStock, AuthorizePayment]
    assert journey.sends_on() == both
    return journey


@pytest.mark.parametrize("answers", [BOTH, BOTH[::-1]], ids=["in turn", "the other way round"])
def test_a_stage_is_done_when_all_its_steps_are_in_whatever_sequence(answers: tuple[type[JourneyEvent], ...]) -> None:
    journey = begun()

    assert journey.receives(answers[0]).sends_on() == []
    assert len(journey.state.pending) == 1
    assert journey.receives(answers[1]).sends_on() == [ScheduleDelivery]
    assert journey.receives(ShipmentScheduled).sends_on() == [CapturePayment, CompleteOrder]
    assert journey.receives(OrderCompleted, PaymentCaptured).status is Status.COMPLETED


def test_one_answer_that_comes_twice_does_not_stand_for_the_other() -> None:
    journey = begun().receives(StockReserved, StockReserved)

    assert journey.sends_on() == []
    assert journey.recorded()[-1] == "AnswerIgnored"
    assert journey.state.current_step == "pay"


@pytest.mark.parametrize(
    ("answers", "undo"),
    [
        ((StockUnavailable,), [ReversePayment]),
        ((PaymentAuthorized, StockUnavailable), [ReversePayment]),
        ((PaymentDeclined,), [ReleaseStock]),
        ((StockReserved, PaymentDeclined), [ReleaseStock]),
    ],
)
def test_when_a_step_is_refused_the_others_of_its_stage_are_undone_answered_or_not(
    answers: tuple[type[JourneyEvent], ...], undo: list[type[Command]]
) -> None:
    assert begun().receives(*answers).sends_on() == undo


def test_a_second_refusal_of_a_stage_that_is_being_undone_moves_nothing() -> None:
    journey = begun().receives(StockUnavailable)
    journey.sends_on()

    assert journey.receives(PaymentDeclined).sends_on() == []
    assert journey.receives(PaymentReversed).sends_on() == [RejectOrder]
    assert journey.receives(OrderRejected).reason == "reserve_refused"


@pytest.mark.parametrize("answered", [(), (StockReserved,), (PaymentAuthorized,)])
def test_a_stage_of_which_one_answer_is_overdue_is_undone_whole_and_at_once(
    answered: tuple[type[JourneyEvent], ...],
) -> None:
    journey = begun().receives(*answered).waits_too_long()

    assert journey.sends_on() == [ReleaseStock, ReversePayment]
    assert journey.receives(PaymentReversed).sends_on() == []
    assert journey.receives(StockReleased).sends_on() == [RejectOrder]


def test_a_later_stage_is_undone_before_all_steps_of_the_one_before_it() -> None:
    journey = begun().receives(*BOTH).waits_too_long()
    assert journey.sends_on() == [ScheduleDelivery, CancelShipment]

    refused = begun().receives(*BOTH, DeliveryRefused)

    assert refused.sends_on() == [ScheduleDelivery, ReleaseStock, ReversePayment]


def test_an_abandoned_stage_is_undone_whole() -> None:
    assert begun().receives(PaymentAuthorized, ReservationExpired).sends_on() == [ReleaseStock, ReversePayment]


def test_only_what_is_not_answered_is_sent_again() -> None:
    journey = begun().receives(*BOTH, ShipmentScheduled, PaymentCaptured)
    journey.sends_on()

    assert journey.waits_too_long().sends_on() == [CompleteOrder]

    undoing = begun().receives(ReservationExpired, StockReleased)
    undoing.sends_on()

    assert undoing.waits(RESEND_AFTER).sends_on() == [ReversePayment]


def test_the_clock_of_a_stage_runs_from_its_begin_whatever_is_answered_meanwhile() -> None:
    journey = begun()
    due_at = journey.state.due_at

    journey.waits(timedelta(minutes=1)).receives(StockReserved)

    assert journey.state.due_at == due_at


def test_people_see_what_is_waited_for_and_what_comes_next() -> None:
    journey = begun()
    assert journey.state.current_step == "reserve+pay"
    assert journey.state.next_action == "undo reserve+pay and all that was done before"

    journey.receives(*BOTH, ShipmentScheduled)
    assert journey.state.current_step == "capture+complete"
    assert journey.state.next_action == "send CapturePayment and CompleteOrder again"

    journey.receives(PaymentCaptured)
    assert (journey.state.current_step, journey.state.next_action) == ("complete", "send CompleteOrder again")
