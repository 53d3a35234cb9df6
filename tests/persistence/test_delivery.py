"""Shipments in a real PostgreSQL: what was decided is found again."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contexts.delivery.carrier import Booked, Cancelled, CarrierRequest, Operation, Refused, Unknown
from contexts.delivery.messages import CancelShipment, RecallShipment, ScheduleDelivery, ShowShipment
from contexts.delivery.model import Shipment, Status
from contexts.orders.messages import Address
from persistence.delivery import ShipmentTables
from persistence.postgres_store import PostgresStore
from persistence.shipment_views import ShipmentViews

from .conftest import Open
from .transactions import loaded

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADDRESS = Address(name='O\'Neil "Žluť"', street="1, {Long} Road\\", city="X", postal_code="1", country="US")


def a_booking() -> Booked:
    return Booked(f"FV{uuid4().hex}", date(2026, 3, 6))


@pytest.fixture
def store(open_store: Open) -> PostgresStore:
    return open_store("delivery")


def book(store: PostgresStore, order_id: UUID) -> CarrierRequest | None:
    """Begin to book, in a transaction of its own."""
    command = ScheduleDelivery(order_id=order_id, shipping_address=ADDRESS, shipping_method="EXPRESS", pieces=3)
    with loaded(store, ShipmentTables, command) as shipments:
        return shipments.of(order_id, "EXPRESS", ADDRESS.model_dump(), 3).book()


def booked(store: PostgresStore, order_id: UUID, outcome: Any) -> None:
    with loaded(store, ShipmentTables, CancelShipment(order_id=order_id)) as shipments:
        shipments.of(order_id).booked(outcome, NOW)


def cancel(store: PostgresStore, order_id: UUID) -> CarrierRequest | None:
    with loaded(store, ShipmentTables, CancelShipment(order_id=order_id)) as shipments:
        return shipments.of(order_id).cancel()


def shipment_of(store: PostgresStore, order_id: UUID) -> Shipment:
    """The shipment as a fresh repository loads it."""
    with loaded(store, ShipmentTables, CancelShipment(order_id=order_id)) as shipments:
        return shipments.shipments[order_id]


def test_a_booking_is_found_again(store: PostgresStore) -> None:
    order_id = uuid4()
    request = book(store, order_id)
    begun = shipment_of(store, order_id)
    assert (begun.status, begun.attempts, begun.shipping_address) == (Status.PENDING, 1, ADDRESS.model_dump())

    booking = a_booking()
    booked(store, order_id, booking)

    found = shipment_of(store, order_id)
    assert (found.status, found.tracking_number, found.estimated_delivery) == (
        Status.SCHEDULED,
        booking.tracking_number,
        date(2026, 3, 6),
    )
    assert request is not None
    assert (request.shipment_id, request.pieces, request.shipping_method) == (found.id, 3, "EXPRESS")
    assert (request.asked_before, request.shipping_address["street"]) == (False, ADDRESS.street)


def test_a_booking_whose_answer_was_lost_is_asked_again_under_the_same_reference(store: PostgresStore) -> None:
    order_id = uuid4()
    first = book(store, order_id)
    booked(store, order_id, Unknown("time-out"))
    second = book(store, order_id)

    assert first is not None
    assert second is not None
    assert (first.shipment_id, first.asked_before) == (second.shipment_id, False)
    assert second.asked_before
    assert shipment_of(store, order_id).attempts == 2


def test_a_refusal_is_found_again_and_needs_no_cancellation(store: PostgresStore) -> None:
    order_id = uuid4()
    book(store, order_id)
    booked(store, order_id, Refused("address_not_served", "no"))

    found = shipment_of(store, order_id)
    assert (found.status, found.refusal_code) == (Status.REFUSED, "address_not_served")
    assert cancel(store, order_id) is None


def test_a_cancellation_that_comes_first_forbids_the_booking(store: PostgresStore) -> None:
    order_id = uuid4()

    assert cancel(store, order_id) is None
    assert book(store, order_id) is None
    assert shipment_of(store, order_id).status is Status.CANCELLED


def test_a_cancelled_shipment_is_found_again_with_what_befell_it(store: PostgresStore) -> None:
    order_id = uuid4()
    book(store, order_id)
    booking = a_booking()
    booked(store, order_id, booking)
    request = cancel(store, order_id)
    assert request is not None
    assert request.operation is Operation.CANCEL
    with loaded(store, ShipmentTables, CancelShipment(order_id=order_id)) as shipments:
        assert shipments.of(order_id).cancelled(Cancelled(), NOW)

    assert shipment_of(store, order_id).status is Status.CANCELLED
    with loaded(store, ShipmentViews, ShowShipment(order_id=order_id, reply_to="", query_id=uuid4())) as views:
        view = views.view(order_id)
        assert views.view(uuid4()) is None
    assert view is not None
    assert (view.body["status"], view.body["tracking_number"]) == ("CANCELLED", booking.tracking_number)
    assert sorted(event["event_type"] for event in view.body["tracking"]) == ["CANCELLED", "SCHEDULED"]


def recall(store: PostgresStore, order_id: UUID, outcome: Any) -> CarrierRequest | None:
    """Ask and conclude, each in a transaction of its own."""
    command = RecallShipment(order_id=order_id)
    with loaded(store, ShipmentTables, command) as shipments:
        request = shipments.booked(order_id).recall()
    with loaded(store, ShipmentTables, command) as shipments:
        shipments.booked(order_id).recalled(outcome if request else None, NOW + timedelta(days=1))
    return request


def times(store: PostgresStore, order_id: UUID) -> Any:
    """Return when a parcel was shipped, and whether its label was cancelled."""
    with store.transaction() as transaction:
        return transaction.connection.execute(
            "SELECT shipped_at, cancelled_at IS NOT NULL FROM shipments WHERE order_id = %s", (order_id,)
        ).fetchone()


def test_a_recalled_shipment_is_found_again_with_what_befell_it_and_is_recalled_once(store: PostgresStore) -> None:
    order_id = uuid4()
    book(store, order_id)
    booked(store, order_id, a_booking())

    request = recall(store, order_id, Cancelled())

    assert request is not None
    assert request.operation is Operation.CANCEL
    assert shipment_of(store, order_id).status is Status.RECALLED
    assert times(store, order_id) == (NOW, True)
    assert recall(store, order_id, Cancelled()) is None
    with loaded(store, ShipmentViews, ShowShipment(order_id=order_id, reply_to="", query_id=uuid4())) as views:
        view = views.view(order_id)
    assert view is not None
    assert view.body["status"] == "RECALLED"
    assert [event["event_type"] for event in view.body["tracking"]] == ["SCHEDULED", "RECALLED"]


def test_a_refused_recall_is_found_again_and_changes_nothing_else(store: PostgresStore) -> None:
    order_id = uuid4()
    book(store, order_id)
    booked(store, order_id, a_booking())

    recall(store, order_id, Refused("in_transit", "no"))

    found = shipment_of(store, order_id)
    assert (found.status, found.recall_refusal, found.refusal_code) == (Status.SCHEDULED, "in_transit", None)
    assert times(store, order_id) == (NOW, False)
    assert recall(store, order_id, Cancelled()) is None
    assert shipment_of(store, order_id).status is Status.SCHEDULED


def test_a_recall_whose_answer_was_lost_is_asked_again(store: PostgresStore) -> None:
    order_id = uuid4()
    book(store, order_id)
    booked(store, order_id, a_booking())

    first, second = (recall(store, order_id, outcome) for outcome in (Unknown("time-out"), Cancelled()))

    assert first is not None
    assert first == second
    assert shipment_of(store, order_id).status is Status.RECALLED
