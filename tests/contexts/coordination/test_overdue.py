"""No answer in time: before the point of no return an order is undone, after it what must be done is sent again."""

from datetime import timedelta

import pytest

from contexts.coordination.journeys import Journeys
from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.place_order_1 import PLACE_ORDER_1
from contexts.coordination.saga import Saga
from contexts.coordination.transitions import LONGEST_WAIT, RESEND_AFTER, Status
from contexts.delivery.messages import CancellationRefused, CancelShipment, ShipmentCancelled
from contexts.inventory.messages import ReleaseStock, StockReleased, StockReserved, StockUnavailable
from contexts.messages import Command, JourneyEvent
from contexts.orders.messages import (
    CapturePayment,
    CompleteOrder,
    OrderCompleted,
    OrderPlaced,
    OrderRejected,
    PaymentCaptured,
    PaymentDeclined,
    PaymentReversed,
    RejectOrder,
    ReversePayment,
    SettleOrder,
)
from tests.contexts.examples import NOW, an_answer, an_order

from .journey_dsl import Journey
from .test_place_order import STRAIGHT

#: Step name -> what undoes it and everything before it, each with the event that says so.
UNDOING: dict[str, list[tuple[type[Command], type[JourneyEvent]]]] = {
    "reserve": [(ReleaseStock, StockReleased)],
    "pay": [(ReversePayment, PaymentReversed), (ReleaseStock, StockReleased)],
    "ship": [(CancelShipment, ShipmentCancelled), (ReversePayment, PaymentReversed), (ReleaseStock, StockReleased)],
}


def at(step_name: str) -> Journey:
    """A journey that waits for the answer to a step."""
    journey = Journey(PLACE_ORDER).begin(an_order()).receives(*STRAIGHT[: PLACE_ORDER.index(step_name)])
    journey.sends_on()
    return journey


@pytest.mark.parametrize("step_name", UNDOING)
def test_an_overdue_step_before_the_point_of_no_return_is_undone_with_everything_before_it(step_name: str) -> None:
    journey = at(step_name).waits_too_long()

    for command, done in UNDOING[step_name]:
        assert journey.sends_on() == [command]
        journey.receives(done)

    assert journey.sends_on() == [RejectOrder]
    assert journey.receives(OrderRejected).status is Status.UNDONE
    assert journey.reason == f"{step_name}_overdue"


def test_an_overdue_shipment_that_is_on_its_way_is_charged_and_completed_and_nobody_wished_it_back() -> None:
    journey = at("ship").waits_too_long()
    journey.sends_on()

    assert journey.receives(CancellationRefused).sends_on() == [SettleOrder]
    assert journey.receives(OrderCompleted).status is Status.COMPLETED
    assert (journey.state.wish, journey.reason, journey.returning) == (None, None, None)


@pytest.mark.parametrize("answers", [(), (ShipmentCancelled,), (ShipmentCancelled, PaymentReversed), STRAIGHT[2:]])
def test_a_refused_cancellation_at_any_other_moment_moves_nothing(answers: tuple[type[JourneyEvent], ...]) -> None:
    journey = at("ship")
    if ShipmentCancelled in answers:
        journey.waits_too_long()
    journey.receives(*answers)
    journey.sends_on()
    stands = (journey.state.course, journey.state.place, journey.state.pending)

    assert journey.receives(CancellationRefused).sends_on() == []
    assert (journey.state.course, journey.state.place, journey.state.pending) == stands
    assert journey.recorded()[-1] == "AnswerIgnored"


@pytest.mark.parametrize(
    ("saga", "answers", "command"),
    [
        (PLACE_ORDER, STRAIGHT[:3], SettleOrder),
        (PLACE_ORDER_1, STRAIGHT[:3], CapturePayment),
        (PLACE_ORDER_1, (*STRAIGHT[:3], PaymentCaptured), CompleteOrder),
    ],
)
def test_an_overdue_step_after_the_point_of_no_return_is_sent_again_until_it_is_done(
    saga: Saga[OrderPlaced], answers: tuple[type[JourneyEvent], ...], command: type[Command]
) -> None:
    journey = Journey(saga).begin(an_order()).receives(*answers)
    journey.sends_on()

    for _ in range(3):
        assert journey.waits_too_long().sends_on() == [command]
        assert journey.state.course is Status.RUNNING

    if command is CapturePayment:
        journey.receives(PaymentCaptured)
    assert journey.receives(OrderCompleted).status is Status.COMPLETED


@pytest.mark.parametrize("step", PLACE_ORDER.steps, ids=lambda step: step.name)
def test_a_step_is_overdue_at_its_deadline_and_not_before(step: object) -> None:
    name = getattr(step, "name", "")
    deadline: timedelta = getattr(step, "deadline", timedelta())
    journey = at(name)

    assert journey.waits(deadline - timedelta(microseconds=1)).sends_on() == []
    assert "StepOverdue" not in journey.recorded()

    assert len(journey.waits(timedelta(microseconds=1)).sends_on()) == 1
    assert journey.recorded()[-1] == "StepOverdue"


def test_each_step_has_a_deadline_of_its_own_from_the_moment_it_was_sent() -> None:
    journey = Journey(PLACE_ORDER).begin(an_order())

    for step, answer in zip(PLACE_ORDER.steps, STRAIGHT, strict=True):
        assert journey.state.due_at == journey.now + step.deadline
        journey.waits(timedelta(seconds=30)).receives(answer)


@pytest.mark.parametrize("place", range(4))
def test_an_overdue_compensation_is_sent_again_and_never_dropped(place: int) -> None:
    commands = [*(command for command, _ in UNDOING["ship"]), RejectOrder]
    journey = at("ship").waits_too_long().receives(*(done for _, done in UNDOING["ship"][:place]))
    journey.sends_on()

    for patience in (RESEND_AFTER, 2 * RESEND_AFTER, 4 * RESEND_AFTER, LONGEST_WAIT, LONGEST_WAIT):
        assert journey.waits(patience - timedelta(microseconds=1)).sends_on() == []
        assert journey.waits(timedelta(microseconds=1)).sends_on() == [commands[place]]

    assert journey.state.course is Status.COMPENSATING
    assert journey.reason == "ship_overdue"


def test_a_refused_step_that_is_undone_late_keeps_its_reason() -> None:
    journey = at("pay").receives(PaymentDeclined).waits_too_long()

    assert journey.sends_on() == [ReleaseStock, ReleaseStock]
    assert journey.receives(StockReleased).sent[-1] == RejectOrder(
        order_id=journey.order.order_id, reason="pay_refused"
    )


def test_a_compensation_that_was_sent_twice_and_answered_twice_undoes_once() -> None:
    journey = at("pay").receives(PaymentDeclined).waits_too_long()
    journey.sends_on()

    assert journey.receives(StockReleased, StockReleased).sends_on() == [RejectOrder]


def test_a_step_that_was_sent_twice_and_answered_twice_is_done_once() -> None:
    journey = Journey(PLACE_ORDER_1).begin(an_order()).receives(*STRAIGHT[:3]).waits_too_long()
    journey.sends_on()

    assert journey.receives(PaymentCaptured, PaymentCaptured).sends_on() == [CompleteOrder]


@pytest.mark.parametrize("end", [STRAIGHT, (StockUnavailable, OrderRejected)], ids=["completed", "undone"])
def test_a_journey_that_is_over_is_never_overdue(end: tuple[type[JourneyEvent], ...]) -> None:
    journey = Journey(PLACE_ORDER).begin(an_order()).receives(*end)
    lines = len(journey.history)

    journey.waits(timedelta(days=365))

    assert len(journey.history) == lines


def test_the_sweeper_looks_after_every_journey_and_moves_only_the_overdue() -> None:
    journeys, early, late, done = Journeys(), an_order(), an_order(), an_order()
    list(journeys.receive(early, NOW))
    list(journeys.receive(done, NOW))
    for kind in STRAIGHT:
        list(journeys.receive(an_answer(kind, done.order_id), NOW))
    list(journeys.receive(late, NOW + timedelta(minutes=1)))

    sent = list(journeys.overdue(NOW + PLACE_ORDER.steps[0].deadline))

    assert [(type(command), getattr(command, "order_id", None)) for command in sent] == [(ReleaseStock, early.order_id)]


def test_an_answer_at_the_last_moment_keeps_the_order() -> None:
    journey = at("reserve")
    assert journey.state.due_at is not None
    journey.now = journey.state.due_at

    journey.receives(StockReserved).waits(timedelta())

    assert journey.status is Status.RUNNING
