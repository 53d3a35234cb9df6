"""The journey of an order: straight through, refused at each step, and answered by what it does not wait for."""

from uuid import uuid4

import pytest

from contexts.coordination.journeys import Journeys
from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.place_order_1 import PLACE_ORDER_1
from contexts.coordination.transitions import Status, UnknownJourney
from contexts.delivery.messages import (
    CancelShipment,
    DeliveryRefused,
    ScheduleDelivery,
    ShipmentScheduled,
)
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
    CompleteOrder,
    OrderCompleted,
    OrderPlaced,
    OrderRejected,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentReversed,
    RejectOrder,
    ReversePayment,
    SettleOrder,
)
from tests.contexts.examples import MINUTE, NOW, a_priced_line, an_answer, an_order

from .journey_dsl import Journey

#: All answers of a journey that goes well.
STRAIGHT: tuple[type[JourneyEvent], ...] = (
    StockReserved,
    PaymentAuthorized,
    ShipmentScheduled,
    OrderCompleted,
)

FORWARD: list[type[Command]] = [ReserveStock, AuthorizePayment, ScheduleDelivery, SettleOrder]


def test_an_order_is_reserved_paid_shipped_and_settled() -> None:
    journey = Journey(PLACE_ORDER).begin(an_order())

    journey.receives(*STRAIGHT)

    assert journey.sent_kinds() == FORWARD
    assert (journey.status, journey.state.due_at) == (Status.COMPLETED, None)
    assert journey.recorded() == ["JourneyBegun", *["StepDone"] * 4, "JourneyCompleted"]


def test_an_order_that_began_when_settling_was_two_steps_is_captured_and_completed() -> None:
    journey = Journey(PLACE_ORDER_1).begin(an_order()).receives(*STRAIGHT[:3])
    journey.sends_on()

    assert journey.sends_on() == []
    assert journey.state.current_step == "capture"
    assert journey.receives(PaymentCaptured).sends_on() == [CompleteOrder]
    assert journey.receives(OrderCompleted).status is Status.COMPLETED


def test_each_command_is_sent_only_after_the_answer_to_the_one_before() -> None:
    journey = Journey(PLACE_ORDER).begin(an_order())

    assert journey.sends_on() == [ReserveStock]
    for answer, command in zip(STRAIGHT, FORWARD[1:], strict=False):
        assert journey.receives(answer).sends_on() == [command]


def test_the_commands_say_what_the_order_says() -> None:
    order = an_order(lines=(a_priced_line(2), a_priced_line(3)), shipping_method="EXPRESS", card_token="tok_amex")
    journey = Journey(PLACE_ORDER).begin(order).receives(*STRAIGHT[:2])

    reserve, authorize, schedule = journey.sent

    assert isinstance(reserve, ReserveStock)
    assert isinstance(authorize, AuthorizePayment)
    assert isinstance(schedule, ScheduleDelivery)
    wanted = [(line.product_id, line.quantity) for line in order.lines]
    assert [(line.product_id, line.quantity) for line in reserve.lines] == wanted
    assert authorize.card_token == "tok_amex"
    assert (schedule.pieces, schedule.shipping_method) == (5, "EXPRESS")
    assert {command.order_id for command in (reserve, authorize, schedule)} == {order.order_id}


def test_an_order_that_cannot_be_held_is_rejected_at_once() -> None:
    journey = Journey(PLACE_ORDER).begin(an_order())

    journey.receives(StockUnavailable)

    assert journey.sends_on()[1:] == [RejectOrder]
    assert journey.receives(OrderRejected).status is Status.UNDONE
    assert journey.reason == "reserve_refused"


def test_a_declined_payment_gives_the_stock_back() -> None:
    journey = Journey(PLACE_ORDER).begin(an_order())

    journey.receives(StockReserved, PaymentDeclined)
    assert journey.sends_on()[2:] == [ReleaseStock]

    journey.receives(StockReleased)
    assert journey.sent[-1] == RejectOrder(order_id=journey.order.order_id, reason="pay_refused")
    assert journey.receives(OrderRejected).status is Status.UNDONE


def test_what_is_released_is_what_was_reserved() -> None:
    journey = Journey(PLACE_ORDER).begin(an_order()).receives(StockReserved, PaymentDeclined)

    reserve, _, release = journey.sent

    assert isinstance(reserve, ReserveStock)
    assert isinstance(release, ReleaseStock)
    assert (release.order_id, release.lines) == (reserve.order_id, reserve.lines)


def test_a_refused_delivery_undoes_in_reverse_each_step_once_the_one_after_it_is_undone() -> None:
    journey = Journey(PLACE_ORDER).begin(an_order()).receives(StockReserved, PaymentAuthorized)
    journey.sends_on()

    assert journey.receives(DeliveryRefused).sends_on() == [ReversePayment]
    assert journey.receives(PaymentReversed).sends_on() == [ReleaseStock]
    assert journey.receives(StockReleased).sends_on() == [RejectOrder]
    assert journey.status is Status.COMPENSATING
    assert journey.receives(OrderRejected).sends_on() == []
    assert (journey.status, journey.reason) == (Status.UNDONE, "ship_refused")
    assert journey.state.due_at is None


@pytest.mark.parametrize("answered", range(len(STRAIGHT) + 1))
def test_an_answer_that_comes_twice_moves_nothing_and_is_recorded(answered: int) -> None:
    journey = Journey(PLACE_ORDER).begin(an_order()).receives(*STRAIGHT[:answered])
    before = (journey.sent_kinds(), journey.status, journey.state.place, journey.state.due_at)
    lines = len(journey.history)

    journey.receives(OrderPlaced, *STRAIGHT[:answered])

    assert (journey.sent_kinds(), journey.status, journey.state.place, journey.state.due_at) == before
    assert journey.recorded()[lines:] == ["AnswerIgnored"] * (answered + 1)


@pytest.mark.parametrize("answered", range(len(STRAIGHT)))
def test_an_answer_that_comes_early_moves_nothing_and_is_recorded(answered: int) -> None:
    journey = Journey(PLACE_ORDER).begin(an_order()).receives(*STRAIGHT[:answered])
    journey.sends_on()

    early = STRAIGHT[answered + 1 :]

    assert journey.receives(*early).sends_on() == []
    assert journey.recorded()[-len(early) :] == ["AnswerIgnored"] * len(early) or not early
    assert journey.receives(*STRAIGHT[answered:]).status is Status.COMPLETED


@pytest.mark.parametrize(
    "late",
    [StockReserved, StockUnavailable, PaymentAuthorized, PaymentDeclined, ShipmentScheduled, DeliveryRefused],
)
def test_an_answer_to_a_step_that_is_being_undone_moves_nothing(late: type[JourneyEvent]) -> None:
    journey = Journey(PLACE_ORDER).begin(an_order()).receives(StockReserved, PaymentAuthorized).waits_too_long()
    assert journey.sent_kinds()[-1] is CancelShipment
    journey.sends_on()

    assert journey.receives(late).sends_on() == []
    assert (journey.status, journey.recorded()[-1]) == (Status.COMPENSATING, "AnswerIgnored")


@pytest.mark.parametrize("kind", list(PLACE_ORDER.listens_to()))
@pytest.mark.parametrize("end", [STRAIGHT, (StockUnavailable, OrderRejected)], ids=["completed", "undone"])
def test_nothing_becomes_of_a_journey_that_is_over(
    end: tuple[type[JourneyEvent], ...], kind: type[JourneyEvent]
) -> None:
    journey = Journey(PLACE_ORDER).begin(an_order()).receives(*end)
    status, sent = journey.status, journey.sent_kinds()

    journey.receives(kind).waits(1000 * MINUTE)

    assert (journey.status, journey.sent_kinds()) == (status, sent)
    assert journey.recorded()[-1] == "AnswerIgnored"


@pytest.mark.parametrize(
    ("answers", "undo"),
    [
        ((), [ReleaseStock]),
        ((StockReserved,), [ReversePayment]),
    ],
)
def test_a_reservation_that_expires_before_the_pivot_undoes_the_order(
    answers: tuple[type[JourneyEvent], ...], undo: list[type[Command]]
) -> None:
    journey = Journey(PLACE_ORDER).begin(an_order()).receives(*answers)
    journey.sends_on()

    assert journey.receives(ReservationExpired).sends_on() == undo
    assert (journey.status, journey.reason) == (Status.COMPENSATING, "expired")


@pytest.mark.parametrize("answered", range(2, len(STRAIGHT) + 1))
def test_a_reservation_that_expires_once_the_pivot_was_sent_moves_nothing(answered: int) -> None:
    journey = Journey(PLACE_ORDER).begin(an_order()).receives(*STRAIGHT[:answered])
    journey.sends_on()

    assert journey.receives(ReservationExpired).sends_on() == []
    assert journey.recorded()[-1] == "AnswerIgnored"
    assert journey.receives(*STRAIGHT[answered:]).status is Status.COMPLETED


def test_an_expired_order_is_undone_once() -> None:
    journey = Journey(PLACE_ORDER).begin(an_order()).receives(StockReserved, ReservationExpired)
    journey.sends_on()

    assert journey.receives(ReservationExpired, PaymentAuthorized).sends_on() == []
    assert journey.receives(PaymentReversed, StockReleased, OrderRejected).status is Status.UNDONE


def test_the_audit_trail_says_what_happened_at_which_step_in_which_sequence_and_why() -> None:
    journey = Journey(PLACE_ORDER).begin(an_order())

    journey.receives(StockReserved, PaymentDeclined, StockReleased, OrderRejected)

    assert [(one.kind, one.step, one.event, one.reason) for one in journey.history] == [
        ("JourneyBegun", "reserve", "orders.OrderPlaced.v1", None),
        ("StepDone", "reserve", "inventory.StockReserved.v1", None),
        ("StepRefused", "pay", "orders.PaymentDeclined.v1", "pay_refused"),
        ("StepUndone", "reserve", "inventory.StockReleased.v1", None),
        ("JourneyUndone", None, "orders.OrderRejected.v1", "pay_refused"),
    ]
    assert [one.sequence for one in journey.history] == [1, 2, 3, 4, 5]
    assert journey.state.version == 5


def test_an_order_that_is_placed_begins_its_journey_and_placing_it_again_does_not() -> None:
    journeys, order = Journeys(), an_order()

    assert [type(one) for one in journeys.receive(order, NOW)] == [ReserveStock]
    assert list(journeys.receive(order, NOW)) == []
    assert len(journeys.journeys) == 1


def test_an_answer_to_a_journey_that_never_began_is_a_fault() -> None:
    answer = an_answer(StockReserved, uuid4())

    with pytest.raises(UnknownJourney, match=f"inventory.StockReserved.v1 for order {answer.order_id}"):
        list(Journeys().receive(answer, NOW))


def test_journeys_move_independently() -> None:
    journeys, first, second = Journeys(), an_order(), an_order()
    for order in (first, second):
        list(journeys.receive(order, NOW))

    (command,) = journeys.receive(an_answer(StockReserved, second.order_id), NOW)

    assert command == AuthorizePayment(order_id=second.order_id, card_token=second.card_token)
    assert journeys.journeys[first.order_id].place == 0
