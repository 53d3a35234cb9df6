"""A customer who does not want the order any more: before the pivot it is undone, after it the order returns."""

from datetime import timedelta
from uuid import uuid4

import pytest

from contexts.coordination.journeys import Journeys
from contexts.coordination.messages import CancelOrder
from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.transitions import Status, UnknownJourney
from contexts.delivery.messages import (
    CancellationRefused,
    CancelShipment,
    DeliveryRefused,
    RecallRefused,
    RecallShipment,
    ShipmentCancelled,
    ShipmentRecalled,
    ShipmentScheduled,
)
from contexts.inventory.messages import (
    ReleaseStock,
    ReserveStock,
    RestockReturn,
    StockReleased,
    StockReturned,
    StockUnavailable,
)
from contexts.messages import Command
from contexts.orders.messages import (
    OrderRejected,
    OrderReturned,
    PaymentRefunded,
    PaymentReversed,
    RefundPayment,
    RefuseReturn,
    RejectOrder,
    ReturnOrder,
    ReturnRefused,
    ReversePayment,
    SettleOrder,
)
from tests.contexts.examples import NOW, an_order

from .answers import an_answer_to
from .journey_dsl import Journey
from .test_place_order import STRAIGHT

RETURNED = (ShipmentRecalled, PaymentRefunded, StockReturned, OrderReturned)


def after(answers: int) -> Journey:
    """A journey that had so many answers."""
    journey = Journey(PLACE_ORDER).begin(an_order()).receives(*STRAIGHT[:answers])
    journey.sends_on()
    return journey


@pytest.mark.parametrize(("answers", "undo"), [(0, [ReleaseStock]), (1, [ReversePayment])])
def test_before_the_pivot_it_is_undone_at_once_the_present_step_included(
    answers: int, undo: list[type[Command]]
) -> None:
    journey = after(answers).is_cancelled()

    assert journey.sends_on() == undo
    assert (journey.status, journey.reason) == (Status.COMPENSATING, "cancelled")


def test_what_was_cancelled_is_closed_with_that_reason() -> None:
    journey = after(1).is_cancelled().receives(PaymentReversed, StockReleased)

    assert journey.sent[-1] == RejectOrder(order_id=journey.order.order_id, reason="cancelled")
    assert journey.receives(OrderRejected).status is Status.UNDONE


def test_at_the_pivot_nobody_knows_what_the_carrier_did_so_its_answer_is_waited_for() -> None:
    journey = after(2).is_cancelled()

    assert journey.sends_on() == []
    assert journey.status is Status.RUNNING


def test_if_the_carrier_refuses_a_cancelled_order_it_is_undone_as_cancelled() -> None:
    journey = after(2).is_cancelled().receives(DeliveryRefused)
    assert journey.sends_on() == [ReversePayment]

    journey.receives(PaymentReversed, StockReleased)

    assert journey.sent[-1] == RejectOrder(order_id=journey.order.order_id, reason="cancelled")


def test_if_the_carrier_never_answers_a_cancelled_order_is_undone_as_cancelled() -> None:
    journey = after(2).is_cancelled().waits_too_long()

    assert journey.sends_on() == [CancelShipment]
    assert journey.receives(ShipmentCancelled, PaymentReversed, StockReleased, OrderRejected).reason == "cancelled"


@pytest.mark.parametrize("answers", [2, 3, 4])
def test_from_the_pivot_on_it_goes_on_and_returns_when_it_is_completed(answers: int) -> None:
    journey = after(answers).is_cancelled().receives(*STRAIGHT[answers:])

    assert journey.status is Status.COMPLETED
    assert journey.sends_on()[-1] is RecallShipment
    assert journey.returning
    assert (journey.returning.status, journey.returning.reason) == (Status.RUNNING, "cancelled")


def test_a_completed_order_begins_to_return_at_once() -> None:
    assert after(5).is_cancelled().sends_on() == [RecallShipment]


def test_a_return_recalls_then_refunds_and_restocks_side_by_side_then_closes() -> None:
    journey = after(5).is_cancelled()
    assert journey.sends_on() == [RecallShipment]

    assert journey.receives(ShipmentRecalled).sends_on() == [RefundPayment, RestockReturn]
    assert journey.receives(StockReturned).sends_on() == []
    assert journey.receives(PaymentRefunded).sends_on() == [ReturnOrder]
    assert journey.sent[-1] == ReturnOrder(order_id=journey.order.order_id, reason="cancelled")
    assert journey.receives(OrderReturned).sends_on() == []

    assert journey.returning
    assert journey.returning.status is Status.COMPLETED
    assert [line.kind for line in journey.returning.history] == [
        *("JourneyBegun", "StepDone", "StepDone", "StepDone", "StepDone", "JourneyCompleted")
    ]


def test_what_comes_back_is_what_was_reserved() -> None:
    journey = after(5).is_cancelled().receives(ShipmentRecalled)

    reserve, restock = journey.sent[0], journey.sent[-1]

    assert isinstance(restock, RestockReturn)
    assert restock.lines == getattr(reserve, "lines", None)


def test_a_parcel_that_cannot_be_stopped_leaves_the_order_completed() -> None:
    journey = after(5).is_cancelled().receives(RecallRefused)

    assert journey.sent[-1] == RefuseReturn(order_id=journey.order.order_id, reason="recall_refused")
    assert journey.receives(ReturnRefused).returning
    assert journey.returning
    assert (journey.status, journey.returning.status) == (Status.COMPLETED, Status.UNDONE)


@pytest.mark.parametrize("answers", range(6))
@pytest.mark.parametrize("later", range(5))
def test_a_second_cancellation_changes_nothing_whenever_it_comes(answers: int, later: int) -> None:
    journey = after(answers).is_cancelled()
    if answers >= 2:
        journey.receives(*STRAIGHT[answers:], *RETURNED[:later])
    sent = len(journey.sent)

    journey.is_cancelled()

    assert len(journey.sent) == sent
    assert journey.recorded()[-1] == "CancellationIgnored"


@pytest.mark.parametrize("answers", [(StockUnavailable,), (StockUnavailable, OrderRejected)])
def test_an_order_that_is_being_undone_or_is_undone_is_not_cancelled(answers: tuple[type, ...]) -> None:
    journey = after(0).receives(*answers)
    journey.sends_on()

    assert journey.is_cancelled().sends_on() == []
    assert (journey.recorded()[-1], journey.reason) == ("CancellationIgnored", "reserve_refused")


@pytest.mark.parametrize("answers", range(6))
def test_the_customer_s_words_stay_in_the_timeline_and_out_of_the_reason(answers: int) -> None:
    journey = after(answers).is_cancelled("found it cheaper")

    told = [line for line in journey.history if line.detail]
    assert [(line.reason, line.detail) for line in told] == [("cancelled", {"words": "found it cheaper"})]


def test_answers_to_a_return_that_come_twice_early_or_late_move_nothing() -> None:
    journey = after(5).is_cancelled().receives(StockReturned, OrderReturned, ReturnRefused)
    journey.sends_on()
    assert journey.returning
    assert [line.kind for line in journey.returning.history[1:]] == ["AnswerIgnored"] * 3

    journey.receives(*RETURNED)
    sent = len(journey.sent)

    assert len(journey.receives(*RETURNED, RecallRefused, *STRAIGHT).sent) == sent


def test_an_answer_to_a_return_that_never_began_is_a_fault() -> None:
    with pytest.raises(UnknownJourney):
        after(5).receives(ShipmentRecalled)


def test_an_order_that_is_placed_after_its_cancellation_is_closed_and_nothing_is_ever_asked_for() -> None:
    journey, order = Journey(PLACE_ORDER), an_order()
    for words in ("found it cheaper", "again"):
        assert list(journey.journeys.cancel(CancelOrder(order_id=order.order_id, reason=words), NOW)) == []
    journey.now += timedelta(hours=1)

    journey.begin(order)

    assert journey.sent == [RejectOrder(order_id=order.order_id, reason="cancelled")]
    assert (journey.status, journey.reason, journey.state.current_step) == (Status.COMPENSATING, "cancelled", "close")
    assert journey.recorded() == ["JourneyBegun", "JourneyCancelled"]
    assert journey.history[-1].detail == {"words": "found it cheaper", "came_at": NOW.isoformat()}
    assert journey.receives(OrderRejected).status is Status.UNDONE


def test_an_early_cancellation_concerns_its_own_order_and_only_once() -> None:
    journeys, cancelled, other = Journeys(), an_order(), an_order()
    list(journeys.cancel(CancelOrder(order_id=cancelled.order_id), NOW))

    assert [type(command) for command in journeys.receive(other, NOW)] == [ReserveStock]
    assert [type(command) for command in journeys.receive(cancelled, NOW)] == [RejectOrder]
    assert journeys.early_cancellations == {}


def test_nothing_is_left_of_the_cancellation_of_an_order_that_was_rejected_before_it_had_a_journey() -> None:
    journeys, order_id = Journeys(), uuid4()
    list(journeys.cancel(CancelOrder(order_id=order_id), NOW))

    assert list(journeys.receive(an_answer_to(OrderRejected, order_id), NOW)) == []
    assert (journeys.early_cancellations, journeys.journeys) == ({}, {})


def test_a_cancelled_order_whose_parcel_turns_out_to_be_on_its_way_is_completed_and_returns() -> None:
    journey = after(2).is_cancelled().waits_too_long()
    journey.sends_on()

    assert journey.receives(CancellationRefused).sends_on() == [SettleOrder]
    assert (journey.recorded()[-1], journey.status, journey.reason) == ("StepNotUndone", Status.RUNNING, None)
    assert journey.receives(*STRAIGHT[3:]).sends_on() == [RecallShipment]
    assert journey.returning
    assert journey.returning.reason == "cancelled"


def test_a_cancellation_while_the_carrier_is_asked_to_take_the_parcel_back_is_kept_in_case_it_does_not() -> None:
    journey = after(2).waits_too_long().is_cancelled()
    assert (journey.recorded()[-1], journey.reason) == ("CancellationNoted", "ship_overdue")

    journey.receives(CancellationRefused, *STRAIGHT[3:])

    assert journey.returning
    assert journey.returning.reason == "cancelled"


def test_a_late_answer_of_the_carrier_does_not_call_a_cancelled_order_back() -> None:
    journey = after(2).is_cancelled().waits_too_long()
    journey.sends_on()

    assert journey.receives(ShipmentScheduled).sends_on() == []
    assert journey.recorded()[-1] == "AnswerIgnored"
