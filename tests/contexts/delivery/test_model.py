"""Shipments: one label an order, bought once, and none alive after a cancellation."""

from datetime import date
from uuid import UUID, uuid4

import pytest

from contexts.delivery.carrier import Booked, Cancelled, Operation, Refused, Unknown
from contexts.delivery.model import Shipment, Shipments, Status, shipment_id
from tests.contexts.examples import ADDRESS, NOW

ORDER = UUID(int=1)
BOOKED = Booked("FV123", date(2026, 3, 6))
REFUSED = Refused("address_not_served", "The carrier does not go there.")
IN_TRANSIT = Refused("in_transit", "The parcel is on its way.")
UNKNOWN = Unknown("timed out")


def a_shipment() -> Shipment:
    return Shipments().of(ORDER, "EXPRESS", ADDRESS.model_dump(), 3)


def booked() -> Shipment:
    shipment = a_shipment()
    shipment.book()
    shipment.booked(BOOKED, NOW)
    return shipment


def kinds(shipment: Shipment) -> list[str]:
    return [event.kind for event in shipment.tracking]


def test_an_order_has_one_shipment() -> None:
    shipments = Shipments()

    assert shipments.of(ORDER, "EXPRESS") is shipments.of(ORDER)
    assert shipments.of(ORDER).id == shipment_id(ORDER)
    assert shipments.of(uuid4()).id != shipment_id(ORDER)


def test_the_carrier_is_asked_under_the_shipment_s_own_id() -> None:
    request = a_shipment().book()

    assert request is not None
    assert (request.operation, request.shipment_id, request.order_id) == (Operation.BOOK, shipment_id(ORDER), ORDER)
    assert (request.shipping_method, request.pieces) == ("EXPRESS", 3)
    assert request.shipping_address["postal_code"] == ADDRESS.postal_code
    assert not request.asked_before


def test_what_the_carrier_books_is_scheduled() -> None:
    shipment = booked()

    assert (shipment.status, shipment.tracking_number) == (Status.SCHEDULED, "FV123")
    assert shipment.estimated_delivery == date(2026, 3, 6)
    assert kinds(shipment) == ["SCHEDULED"]


def test_what_the_carrier_refuses_is_refused_for_good() -> None:
    shipment = a_shipment()
    shipment.book()

    shipment.booked(REFUSED, NOW)

    assert (shipment.status, shipment.refusal_code) == (Status.REFUSED, "address_not_served")
    assert (shipment.book(), shipment.cancel()) == (None, None)
    assert shipment.cancelled(None, NOW)
    assert shipment.status is Status.REFUSED


def test_an_answer_that_was_lost_is_asked_for_again_under_the_same_id() -> None:
    shipment = a_shipment()
    first = shipment.book()
    shipment.booked(UNKNOWN, NOW)
    assert shipment.status is Status.PENDING

    again = shipment.book()

    assert first is not None
    assert again is not None
    assert again.shipment_id == first.shipment_id
    assert (first.asked_before, again.asked_before) == (False, True)
    shipment.booked(BOOKED, NOW)
    assert shipment.tracking_number == "FV123"


def test_what_is_booked_is_not_booked_again() -> None:
    shipment = booked()

    assert shipment.book() is None
    shipment.booked(Booked("FV999", date(2026, 4, 1)), NOW)

    assert (shipment.tracking_number, kinds(shipment)) == ("FV123", ["SCHEDULED"])


def test_a_cancellation_that_comes_first_forbids_the_booking() -> None:
    shipment = a_shipment()

    assert shipment.cancel() is None
    assert shipment.status is Status.CANCELLED
    assert shipment.cancelled(None, NOW)
    assert shipment.book() is None


def test_what_was_booked_is_cancelled_at_the_carrier() -> None:
    shipment = booked()

    request = shipment.cancel()

    assert request is not None
    assert (request.operation, request.shipment_id) == (Operation.CANCEL, shipment.id)
    assert shipment.status is Status.SCHEDULED, "until the carrier says so, a label is alive"
    assert shipment.cancelled(Cancelled(), NOW)
    assert (shipment.status, kinds(shipment)) == (Status.CANCELLED, ["SCHEDULED", "CANCELLED"])


@pytest.mark.parametrize("answer", [BOOKED, REFUSED, UNKNOWN, None])
def test_a_booking_that_is_answered_after_the_cancellation_stays_cancelled(
    answer: Booked | Refused | Unknown | None,
) -> None:
    shipment = a_shipment()
    shipment.book()

    request = shipment.cancel()
    assert request is not None, "the booking is under way, a label may be alive"
    assert shipment.cancelled(Cancelled(), NOW)
    shipment.booked(answer, NOW)

    assert (shipment.status, shipment.tracking_number) == (Status.CANCELLED, None)


def test_a_booking_that_is_answered_before_the_cancellation_is_cancelled_too() -> None:
    shipment = a_shipment()
    shipment.book()
    shipment.cancel()

    shipment.booked(BOOKED, NOW)
    assert shipment.cancelled(Cancelled(), NOW)

    assert shipment.status is Status.CANCELLED


@pytest.mark.parametrize("shipment", [a_shipment(), booked()], ids=["pending", "scheduled"])
def test_a_cancellation_whose_answer_was_lost_is_not_done(shipment: Shipment) -> None:
    shipment.book()
    status = shipment.status
    assert shipment.cancel() is not None

    assert not shipment.cancelled(UNKNOWN, NOW)

    assert shipment.status is status
    assert shipment.cancel() is not None
    assert shipment.cancelled(Cancelled(), NOW)


def test_cancelling_twice_is_cancelling_once() -> None:
    shipment = booked()
    shipment.cancel()
    shipment.cancelled(Cancelled(), NOW)
    version = shipment.version

    assert shipment.cancel() is None
    assert shipment.cancelled(None, NOW)
    assert shipment.cancelled(Cancelled(), NOW)
    assert (shipment.version, kinds(shipment)) == (version, ["SCHEDULED", "CANCELLED"])


def test_a_parcel_that_the_carrier_will_not_take_back_stays_scheduled_and_the_carrier_is_not_asked_again() -> None:
    shipment = booked()
    shipment.cancel()
    version = shipment.version

    assert shipment.cancelled(IN_TRANSIT, NOW)

    assert (shipment.status, shipment.recall_refusal, shipment.version) == (Status.SCHEDULED, "in_transit", version + 1)
    assert shipment.cannot_be_stopped
    assert (shipment.cancel(), shipment.recall()) == (None, None)
    for outcome in (None, IN_TRANSIT, UNKNOWN, Cancelled()):
        assert shipment.cancelled(outcome, NOW)
    assert (shipment.status, shipment.version) == (Status.SCHEDULED, version + 1)


def not_taken_back() -> Shipment:
    """A shipment whose booking was never answered, and that the carrier will not take back."""
    shipment = a_shipment()
    shipment.book()
    shipment.booked(UNKNOWN, NOW)
    assert shipment.cancel() is not None
    assert not shipment.cancelled(IN_TRANSIT, NOW), "until it is known what was booked, the order cannot go on"
    return shipment


def test_a_booking_whose_answer_was_lost_is_looked_up_when_the_carrier_will_not_take_it_back() -> None:
    shipment = not_taken_back()

    request = shipment.cancel()

    assert request is not None
    assert (request.operation, request.asked_before) == (Operation.BOOK, True)
    assert shipment.cancelled(BOOKED, NOW)
    assert (shipment.status, shipment.tracking_number, kinds(shipment)) == (Status.SCHEDULED, "FV123", ["SCHEDULED"])
    assert shipment.cannot_be_stopped
    assert shipment.recall_refusal == "in_transit"


@pytest.mark.parametrize("outcome", [IN_TRANSIT, UNKNOWN, None])
def test_a_second_refusal_to_take_a_parcel_back_is_not_taken_for_one_to_book_it(
    outcome: Refused | Unknown | None,
) -> None:
    shipment = not_taken_back()

    assert not shipment.cancelled(outcome, NOW)

    assert shipment.status is Status.PENDING
    assert shipment.cancel() is not None


def test_a_booking_that_is_answered_after_the_refusal_to_take_it_back_is_kept() -> None:
    shipment = not_taken_back()

    shipment.booked(BOOKED, NOW)

    assert shipment.cancel() is None
    assert shipment.cancelled(None, NOW)
    assert shipment.cannot_be_stopped


def test_a_label_that_is_cancelled_after_all_before_anybody_was_told_is_cancelled() -> None:
    shipment = not_taken_back()

    assert shipment.cancelled(Cancelled(), NOW)

    assert (shipment.status, shipment.recall_refusal) == (Status.CANCELLED, None)


def test_a_refusal_that_comes_after_the_cancellation_changes_nothing() -> None:
    shipment = booked()
    shipment.cancelled(Cancelled(), NOW)

    assert shipment.cancelled(IN_TRANSIT, NOW)

    assert (shipment.status, shipment.recall_refusal) == (Status.CANCELLED, None)


def test_every_change_counts_the_version_up() -> None:
    shipment, versions = a_shipment(), []
    for change in (
        shipment.book,
        lambda: shipment.booked(UNKNOWN, NOW),
        shipment.book,
        lambda: shipment.booked(BOOKED, NOW),
        lambda: shipment.cancelled(Cancelled(), NOW),
    ):
        change()
        versions.append(shipment.version)

    assert versions == [1, 1, 2, 3, 4]


def test_what_befell_a_parcel_is_known_by_what_and_when() -> None:
    first, again = booked().tracking[0], booked().tracking[0]

    assert first.id == again.id
    assert first.shipment_id == shipment_id(ORDER)
