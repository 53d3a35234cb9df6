"""What must succeed and does not: sent again for ever, and after a while an operator's concern."""

from datetime import timedelta

import pytest

from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.place_order_1 import PLACE_ORDER_1
from contexts.coordination.transitions import AT_RISK_MINOR, LONGEST_WAIT, RESEND_AFTER, Status
from contexts.delivery.messages import RecallShipment, ShipmentRecalled
from contexts.inventory.messages import StockReleased, StockUnavailable
from contexts.messages import JourneyEvent
from contexts.orders.messages import (
    OrderCompleted,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    RefundPayment,
    SettleOrder,
)
from tests.contexts.examples import an_order

from .journey_dsl import Journey
from .test_place_order import STRAIGHT

#: Journeys that wait for what has to succeed: the answers until then, and the step.
MUST_SUCCEED: dict[str, tuple[type[JourneyEvent], ...]] = {
    "settle": STRAIGHT[:3],
    "reserve": (STRAIGHT[0], PaymentDeclined),
    "close": (StockUnavailable,),
}


def waiting(step: str, total_minor: int = 2498) -> Journey:
    journey = Journey(PLACE_ORDER).begin(an_order(total_minor=total_minor)).receives(*MUST_SUCCEED[step])
    assert journey.state.current_step == step
    journey.sends_on()
    return journey


@pytest.mark.parametrize("step", MUST_SUCCEED)
def test_what_was_sent_twice_without_an_answer_is_stuck_and_is_sent_again_all_the_same(step: str) -> None:
    journey = waiting(step).waits_too_long()
    assert (journey.status, len(journey.sends_on())) == (journey.state.course, 1)

    journey.waits_too_long()

    assert (journey.status, len(journey.sends_on())) == (Status.STUCK, 1)
    assert journey.state.stuck_since == journey.now


@pytest.mark.parametrize(("total_minor", "stuck"), [(AT_RISK_MINOR - 1, False), (AT_RISK_MINOR, True)])
def test_where_much_is_at_risk_the_first_time_is_enough(total_minor: int, stuck: bool) -> None:
    assert (waiting("settle", total_minor).waits_too_long().status is Status.STUCK) is stuck


@pytest.mark.parametrize("answers", [(), STRAIGHT[:1], STRAIGHT[:2]])
def test_what_can_be_undone_is_undone_and_never_stuck(answers: tuple[type[JourneyEvent], ...]) -> None:
    journey = Journey(PLACE_ORDER).begin(an_order(total_minor=AT_RISK_MINOR)).receives(*answers).waits_too_long()

    assert journey.status is Status.COMPENSATING


def test_the_timeline_says_once_that_it_is_stuck_and_how_much_is_at_risk() -> None:
    journey = waiting("settle").waits_too_long(times=5)

    (line,) = [line for line in journey.history if line.kind == "JourneyStuck"]
    assert (line.step, line.detail) == ("settle", {"at_risk_minor": 2498, "currency": "USD"})


def test_a_stuck_journey_is_sent_again_for_ever_at_the_longest_wait() -> None:
    journey = waiting("settle").waits_too_long(times=100)

    assert journey.sends_on() == [SettleOrder] * 100
    assert journey.state.due_at == journey.now + LONGEST_WAIT


def test_the_answer_that_was_waited_for_ends_a_standstill() -> None:
    undone = waiting("reserve").waits_too_long(times=3).receives(StockReleased)

    assert (undone.status, undone.state.due_at) == (Status.COMPENSATING, undone.now + RESEND_AFTER)
    assert waiting("settle").waits_too_long(times=3).receives(OrderCompleted).status is Status.COMPLETED


def test_a_journey_that_goes_on_after_a_standstill_waits_for_the_next_step_anew() -> None:
    journey = Journey(PLACE_ORDER_1).begin(an_order()).receives(*STRAIGHT[:3]).waits_too_long(times=3)
    assert journey.status is Status.STUCK

    journey.receives(PaymentCaptured)

    assert (journey.status, journey.state.current_step) == (Status.RUNNING, "complete")
    assert journey.state.due_at == journey.now + PLACE_ORDER_1.steps[4].deadline


def test_any_other_answer_leaves_it_stuck() -> None:
    assert waiting("settle").waits_too_long(times=2).receives(*STRAIGHT[:3]).status is Status.STUCK


def test_a_recall_is_never_given_up_since_nothing_takes_it_back() -> None:
    journey = Journey(PLACE_ORDER).begin(an_order()).receives(*STRAIGHT).is_cancelled()
    journey.sends_on()

    assert journey.waits_too_long(times=3).sends_on() == [RecallShipment] * 3
    assert journey.returning
    assert journey.returning.status is Status.STUCK
    assert journey.returning.next_action == "send RecallShipment again"


def test_one_of_two_answers_ends_a_standstill_and_the_other_is_waited_for_anew() -> None:
    journey = Journey(PLACE_ORDER).begin(an_order()).receives(*STRAIGHT).is_cancelled().receives(ShipmentRecalled)
    journey.waits_too_long(times=6).receives(PaymentRefunded)
    returning = journey.returning

    assert returning
    assert (returning.status, returning.pending, returning.sent) == (Status.RUNNING, ("restock",), 1)
    assert returning.due_at == journey.now + RESEND_AFTER
    assert journey.sends_on()[-2] is RefundPayment


def test_the_wait_that_is_nearly_over_is_not_made_longer_by_an_answer() -> None:
    journey = Journey(PLACE_ORDER).begin(an_order()).receives(*STRAIGHT).is_cancelled().receives(ShipmentRecalled)
    journey.waits_too_long(times=2)
    returning = journey.returning
    assert returning
    assert returning.due_at
    due_at = returning.due_at
    journey.waits(due_at - journey.now - timedelta(minutes=1)).receives(PaymentRefunded)

    assert returning.due_at == due_at
