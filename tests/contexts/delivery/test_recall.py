"""Recalls: the carrier is asked to stop the parcel of a completed order, and its definite answer is final."""

from datetime import date
from uuid import UUID, uuid4

import pytest

from contexts.delivery.carrier import Booked, Cancelled, Operation, Refused, Unknown
from contexts.delivery.model import NotScheduled, Shipment, Shipments, Status
from tests.contexts.examples import ADDRESS, MINUTE, NOW

ORDER = UUID(int=1)
TOO_LATE = Refused("in_transit", "The parcel is on its way.")
LATER = NOW + 5 * MINUTE


def a_shipment() -> Shipment:
    return Shipments().of(ORDER, "EXPRESS", ADDRESS.model_dump(), 3)


def asked() -> Shipment:
    shipment = a_shipment()
    shipment.book()
    return shipment


def refused() -> Shipment:
    shipment = asked()
    shipment.booked(Refused("address_not_served", "no"), NOW)
    return shipment


def scheduled() -> Shipment:
    shipment = asked()
    shipment.booked(Booked("FV123", date(2026, 3, 6)), NOW)
    return shipment


def cancelled() -> Shipment:
    shipment = scheduled()
    shipment.cancelled(Cancelled(), NOW)
    return shipment


def recalled() -> Shipment:
    shipment = scheduled()
    shipment.recalled(Cancelled(), LATER)
    return shipment


def kinds(shipment: Shipment) -> list[str]:
    return [event.kind for event in shipment.tracking]


def test_a_recall_has_the_carrier_cancel_the_label() -> None:
    shipment = scheduled()

    request = shipment.recall()

    assert request is not None
    assert (request.operation, request.shipment_id, request.asked_before) == (Operation.CANCEL, shipment.id, True)
    assert shipment.status is Status.SCHEDULED, "until the carrier says so, the parcel is on its way"


def test_a_parcel_that_was_stopped_is_recalled_for_good() -> None:
    shipment = recalled()
    version = shipment.version

    assert (shipment.status, shipment.shipped_at, kinds(shipment)) == (Status.RECALLED, NOW, ["SCHEDULED", "RECALLED"])
    assert (shipment.recall(), shipment.cancel(), shipment.book()) == (None, None, None)
    for outcome in (None, Cancelled(), TOO_LATE, Unknown("timed out")):
        assert shipment.recalled(outcome, LATER)
    assert shipment.cancelled(None, LATER)
    assert (shipment.status, shipment.version, shipment.recall_refusal) == (Status.RECALLED, version, None)


def test_a_parcel_that_cannot_be_stopped_stays_scheduled_and_the_carrier_is_not_asked_again() -> None:
    shipment = scheduled()
    version = shipment.version

    assert shipment.recalled(TOO_LATE, LATER)

    assert (shipment.status, shipment.recall_refusal, shipment.version) == (Status.SCHEDULED, "in_transit", version + 1)
    assert shipment.recall() is None
    assert shipment.recalled(None, LATER)
    assert shipment.recalled(Cancelled(), LATER)
    assert (shipment.status, kinds(shipment)) == (Status.SCHEDULED, ["SCHEDULED"])


@pytest.mark.parametrize("outcome", [Unknown("timed out"), None])
def test_a_recall_whose_answer_was_lost_is_asked_for_again(outcome: Unknown | None) -> None:
    shipment = scheduled()
    shipment.recall()

    assert not shipment.recalled(outcome, LATER)

    assert shipment.status is Status.SCHEDULED
    assert shipment.recall() is not None
    assert shipment.recalled(Cancelled(), LATER)


@pytest.mark.parametrize("shipment", [a_shipment(), asked(), refused(), cancelled()], ids=lambda one: one.status)
def test_a_parcel_that_the_carrier_never_took_cannot_be_recalled(shipment: Shipment) -> None:
    before = (shipment.status, shipment.version)

    with pytest.raises(NotScheduled):
        shipment.recall()

    assert (shipment.status, shipment.version) == before


def test_an_order_without_a_shipment_has_none_to_recall_and_gets_none() -> None:
    shipments = Shipments()

    with pytest.raises(NotScheduled, match="has no shipment"):
        shipments.booked(uuid4())

    assert shipments.shipments == {}
