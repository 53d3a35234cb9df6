"""Delivery's actors: the carrier is asked between two halves, and its answer is told or waited for."""

from datetime import date
from uuid import UUID

import pytest

from actors.delivery import (
    cancel_shipment,
    delivery_scheduled,
    recall_shipment,
    schedule_delivery,
    shipment_cancelled,
    shipment_recalled,
)
from actors.runtime.handlers import TryAgain
from contexts.delivery.carrier import Booked, Cancelled, Operation, Refused, Unknown
from contexts.delivery.messages import (
    CancellationRefused,
    CancelShipment,
    DeliveryRefused,
    RecallRefused,
    RecallShipment,
    ScheduleDelivery,
    ShipmentCancelled,
    ShipmentScheduled,
)
from contexts.delivery.model import Outcome, Shipments, shipment_id
from tests.contexts.examples import ADDRESS

ORDER = UUID(int=1)
BOOKED = Booked("FV123", date(2026, 3, 6))
SCHEDULE = ScheduleDelivery(order_id=ORDER, shipping_address=ADDRESS, shipping_method="EXPRESS", pieces=3)
CANCEL = CancelShipment(order_id=ORDER)


def scheduled(shipments: Shipments, outcome: Outcome) -> object:
    """Ask the carrier for a booking, if there is anything to ask, and tell of its answer."""
    asked = schedule_delivery(SCHEDULE, shipments)
    (answer,) = delivery_scheduled(SCHEDULE, outcome if asked else None, shipments)
    return answer


def cancelled(shipments: Shipments, outcome: Outcome) -> object:
    asked = cancel_shipment(CANCEL, shipments)
    (answer,) = shipment_cancelled(CANCEL, outcome if asked else None, shipments)
    return answer


def test_the_carrier_is_asked_with_what_the_order_says() -> None:
    request = schedule_delivery(SCHEDULE, Shipments())

    assert request is not None
    assert (request.order_id, request.shipping_method, request.pieces) == (ORDER, "EXPRESS", 3)
    assert request.shipping_address == ADDRESS.model_dump()


def test_a_booked_parcel_is_told_with_its_tracking_number() -> None:
    told = ShipmentScheduled(
        order_id=ORDER,
        shipment_id=shipment_id(ORDER),
        carrier="sandbox",
        tracking_number="FV123",
        estimated_delivery=date(2026, 3, 6),
    )

    assert scheduled(Shipments(), BOOKED) == told


def test_a_parcel_that_is_booked_already_is_told_again_without_asking() -> None:
    shipments = Shipments()
    first = scheduled(shipments, BOOKED)

    assert schedule_delivery(SCHEDULE, shipments) is None
    assert scheduled(shipments, BOOKED) == first


def test_a_refusal_of_the_carrier_is_told_with_its_code() -> None:
    answer = scheduled(Shipments(), Refused("address_not_served", "The carrier does not go there."))

    assert answer == DeliveryRefused(order_id=ORDER, code="address_not_served")


def test_a_booking_whose_answer_was_lost_is_tried_again() -> None:
    shipments = Shipments()

    with pytest.raises(TryAgain, match="timed out"):
        scheduled(shipments, Unknown("timed out"))

    request = schedule_delivery(SCHEDULE, shipments)
    assert request is not None
    assert request.asked_before
    (answer,) = delivery_scheduled(SCHEDULE, BOOKED, shipments)
    assert isinstance(answer, ShipmentScheduled)


def test_a_booked_parcel_is_cancelled() -> None:
    shipments = Shipments()
    scheduled(shipments, BOOKED)

    assert cancelled(shipments, Cancelled()) == ShipmentCancelled(order_id=ORDER)
    assert cancel_shipment(CANCEL, shipments) is None
    assert cancelled(shipments, None) == ShipmentCancelled(order_id=ORDER)


def test_a_cancellation_that_overtakes_its_booking_wins() -> None:
    shipments = Shipments()

    assert cancelled(shipments, None) == ShipmentCancelled(order_id=ORDER)

    assert schedule_delivery(SCHEDULE, shipments) is None
    assert scheduled(shipments, None) == DeliveryRefused(order_id=ORDER, code="cancelled")


def test_a_booking_that_is_answered_after_its_cancellation_is_refused() -> None:
    shipments = Shipments()
    schedule_delivery(SCHEDULE, shipments)
    cancelled(shipments, Cancelled())

    (answer,) = delivery_scheduled(SCHEDULE, BOOKED, shipments)

    assert answer == DeliveryRefused(order_id=ORDER, code="cancelled")


def test_a_cancellation_whose_answer_was_lost_is_tried_again() -> None:
    shipments = Shipments()
    scheduled(shipments, BOOKED)

    with pytest.raises(TryAgain, match="timed out"):
        cancelled(shipments, Unknown("timed out"))

    assert cancelled(shipments, Cancelled()) == ShipmentCancelled(order_id=ORDER)


IN_TRANSIT = Refused("in_transit", "The parcel is on its way.")
NOT_TAKEN_BACK = CancellationRefused(order_id=ORDER, code="in_transit")


def test_a_parcel_that_the_carrier_will_not_take_back_is_told_with_its_code_as_often_as_it_is_asked() -> None:
    shipments = Shipments()
    first = scheduled(shipments, BOOKED)

    assert cancelled(shipments, IN_TRANSIT) == NOT_TAKEN_BACK
    assert cancel_shipment(CANCEL, shipments) is None
    assert cancelled(shipments, None) == NOT_TAKEN_BACK
    assert scheduled(shipments, None) == first


def test_what_cannot_be_cancelled_cannot_be_recalled_either_and_the_carrier_is_not_asked_again() -> None:
    shipments = Shipments()
    scheduled(shipments, BOOKED)
    cancelled(shipments, IN_TRANSIT)
    recall = RecallShipment(order_id=ORDER)

    assert recall_shipment(recall, shipments) is None
    assert list(shipment_recalled(recall, None, shipments)) == [RecallRefused(order_id=ORDER, code="in_transit")]


def test_a_booking_whose_answer_was_lost_is_adopted_before_it_is_told_that_it_cannot_be_cancelled() -> None:
    shipments = Shipments()
    schedule_delivery(SCHEDULE, shipments)

    with pytest.raises(TryAgain, match="in_transit"):
        cancelled(shipments, IN_TRANSIT)

    request = cancel_shipment(CANCEL, shipments)
    assert request is not None
    assert (request.operation, request.asked_before) == (Operation.BOOK, True)
    assert cancelled(shipments, BOOKED) == NOT_TAKEN_BACK
    told = scheduled(shipments, None)
    assert isinstance(told, ShipmentScheduled)
    assert told.tracking_number == "FV123"
