"""What an operator does to a journey: resume, retry, reverse; who and why stay in the timeline, done or not."""

from uuid import uuid4

import pytest

from contexts.coordination.journeys import Journeys
from contexts.coordination.messages import Intervention, ResumeJourney, RetryStep, ReverseJourney
from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.transitions import RESEND_AFTER, Status, UnknownJourney
from contexts.delivery.messages import (
    CancellationRefused,
    CancelShipment,
    RecallRefused,
    RecallShipment,
    ShipmentCancelled,
)
from contexts.inventory.messages import ReleaseStock, ReserveStock, StockReleased, StockUnavailable
from contexts.messages import Command, JourneyEvent
from contexts.orders.messages import OrderRejected, PaymentReversed, RejectOrder, ReversePayment, SettleOrder
from tests.contexts.examples import NOW, an_order

from .journey_dsl import Journey
from .test_cancellation import RETURNED, after
from .test_place_order import STRAIGHT

WHO = {"by": "olga", "why": "it has to be"}


def test_a_stuck_journey_that_is_resumed_goes_on_and_its_patience_begins_anew() -> None:
    journey = after(3).waits_too_long(times=4)
    journey.sends_on()

    journey.meets(ResumeJourney)

    assert journey.sends_on() == [SettleOrder]
    assert (journey.status, journey.state.sent) == (Status.RUNNING, 1)
    assert journey.state.due_at == journey.now + RESEND_AFTER
    assert (journey.history[-1].kind, journey.history[-1].detail) == ("JourneyResumed", WHO)
    assert journey.waits_too_long().status is Status.RUNNING
    assert journey.waits_too_long().status is Status.STUCK


def test_a_stuck_compensation_that_is_resumed_goes_on_undoing() -> None:
    journey = after(1).receives(StockUnavailable).waits_too_long().waits_too_long(times=2)

    assert journey.meets(ResumeJourney).status is Status.COMPENSATING


@pytest.mark.parametrize(
    ("answers", "sent"), [((), ReserveStock), (STRAIGHT[:3], SettleOrder), ((StockUnavailable,), RejectOrder)]
)
def test_a_retry_sends_what_is_waited_for_again_and_leaves_the_clock_alone(
    answers: tuple[type[JourneyEvent], ...], sent: type[Command]
) -> None:
    journey = Journey(PLACE_ORDER).begin(an_order()).receives(*answers)
    journey.sends_on()
    clock = (journey.state.due_at, journey.state.sent)

    assert journey.meets(RetryStep).sends_on() == [sent]
    assert (journey.state.due_at, journey.state.sent) == clock
    assert (journey.history[-1].kind, journey.history[-1].detail) == ("StepRetried", WHO)


def test_a_retry_leaves_a_stuck_journey_stuck_until_it_is_answered() -> None:
    assert after(3).waits_too_long(times=2).meets(RetryStep).status is Status.STUCK


@pytest.mark.parametrize(("answers", "undo"), [(0, ReleaseStock), (1, ReversePayment), (2, CancelShipment)])
def test_up_to_the_pivot_a_reversed_order_is_undone_at_once(answers: int, undo: type[Command]) -> None:
    journey = after(answers).meets(ReverseJourney)

    assert journey.sends_on() == [undo]
    assert (journey.status, journey.reason) == (Status.COMPENSATING, "reversed")
    assert (journey.history[-1].kind, journey.history[-1].detail) == ("JourneyReversed", WHO)


def test_an_order_that_was_reversed_at_the_pivot_is_undone_to_its_end() -> None:
    journey = after(2).meets(ReverseJourney).receives(ShipmentCancelled, PaymentReversed, StockReleased)

    assert journey.sent[-1] == RejectOrder(order_id=journey.order.order_id, reason="reversed")
    assert journey.receives(OrderRejected).status is Status.UNDONE


def test_an_order_that_was_reversed_when_its_parcel_was_on_its_way_is_completed_and_returns() -> None:
    journey = after(2).meets(ReverseJourney)
    journey.sends_on()

    assert journey.receives(CancellationRefused).sends_on() == [SettleOrder]
    journey.receives(*STRAIGHT[3:])

    assert journey.status is Status.COMPLETED
    assert journey.returning
    assert journey.returning.reason == "reversed"


def test_a_stuck_cancellation_that_is_refused_at_last_goes_forward() -> None:
    journey = after(2).meets(ReverseJourney).waits_too_long(times=2)
    assert journey.status is Status.STUCK

    assert journey.receives(CancellationRefused).status is Status.RUNNING
    assert (journey.state.sent, journey.state.current_step) == (1, "settle")


@pytest.mark.parametrize("answers", [3, 4])
def test_past_the_pivot_a_reversed_order_returns(answers: int) -> None:
    journey = after(answers).meets(ReverseJourney).receives(*STRAIGHT[answers:])

    assert journey.returning
    assert journey.returning.reason == "reversed"
    assert journey.sends_on()[-1] is RecallShipment
    assert [line.detail for line in journey.history if line.detail] == [WHO]


def test_an_operator_reverses_at_once_what_a_customer_could_only_wish() -> None:
    journey = after(2).is_cancelled().meets(ReverseJourney)

    assert journey.sends_on() == [CancelShipment]
    assert journey.reason == "cancelled"


def test_interventions_are_about_the_return_while_there_is_one() -> None:
    journey = after(5).is_cancelled()
    journey.sends_on()

    journey.meets(RetryStep)

    assert journey.sends_on() == [RecallShipment]
    assert journey.returning
    assert journey.returning.history[-1].kind == "StepRetried"


@pytest.mark.parametrize(
    ("journey", "kind", "objection"),
    [
        (lambda: after(0), ResumeJourney, "it is not stuck"),
        (lambda: after(5), ResumeJourney, "it is COMPLETED"),
        (lambda: after(5), RetryStep, "it is COMPLETED"),
        (lambda: after(0).receives(StockUnavailable, OrderRejected), ReverseJourney, "it is UNDONE"),
        (lambda: after(0).receives(StockUnavailable), ReverseJourney, "it is being undone already"),
        (lambda: after(3).is_cancelled(), ReverseJourney, "it returns as soon as it is completed"),
        (lambda: after(5).is_cancelled(), ReverseJourney, "a return cannot be taken back"),
        (lambda: after(5).is_cancelled().receives(RETURNED[0]), ReverseJourney, "a return cannot be taken back"),
        (lambda: after(5).is_cancelled().receives(RecallRefused), ReverseJourney, "it is being undone already"),
        (lambda: after(5).is_cancelled().receives(*RETURNED), ReverseJourney, "it is COMPLETED"),
        (lambda: after(5).is_cancelled().receives(*RETURNED), RetryStep, "it is COMPLETED"),
    ],
)
def test_what_cannot_be_done_is_told_beforehand_and_recorded(
    journey: object, kind: type[Intervention], objection: str
) -> None:
    told: Journey = journey()  # type: ignore[operator]
    told.sends_on()
    command = kind(order_id=told.order.order_id, **WHO)
    assert told.journeys.objection(command) == objection

    assert told.meets(kind).sends_on() == []
    line = told.journeys.concerned(command).history[-1]
    assert (line.kind, line.reason) == ("InterventionIgnored", objection)
    assert line.detail == {"intervention": kind.__name__, **WHO}


@pytest.mark.parametrize("answers", range(6))
def test_what_can_be_done_has_no_objection(answers: int) -> None:
    journey = after(answers)

    assert journey.journeys.objection(ReverseJourney(order_id=journey.order.order_id, **WHO)) is None


@pytest.mark.parametrize("kind", [ResumeJourney, RetryStep, ReverseJourney])
def test_an_order_without_a_journey_is_a_fault(kind: type[Intervention]) -> None:
    with pytest.raises(UnknownJourney):
        list(Journeys().intervene(kind(order_id=uuid4(), **WHO), NOW))
