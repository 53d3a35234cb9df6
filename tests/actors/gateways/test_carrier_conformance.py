"""What the carrier adapter does, tried against the real sandbox carrier."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from actors.gateways.sandbox_carrier import SandboxCarrier
from contexts.delivery.carrier import Booked, Cancelled, Carrier, CarrierRequest, Operation, Refused, Unknown
from tests.sandboxes.launching import Launch, Server, free_port

ADDRESS = {"name": "A. Customer", "street": "Main Street 1", "city": "Berne", "postal_code": "3000", "country": "CH"}


@pytest.fixture(scope="session")
def sandbox_carrier(launch: Launch, tmp_path_factory: pytest.TempPathFactory) -> Server:
    return launch("sandboxes.carrier", "--journal", str(tmp_path_factory.mktemp("shipments") / "shipments.jsonl"))


@pytest.fixture
def server(sandbox_carrier: Server) -> Iterator[Server]:
    yield sandbox_carrier
    sandbox_carrier.ask("DELETE", "/faults")


@pytest.fixture
def carrier(server: Server) -> Carrier:
    return SandboxCarrier(server.url)


def a_booking(**other: Any) -> CarrierRequest:
    values: dict[str, Any] = {"shipping_method": "STANDARD", "shipping_address": ADDRESS, "pieces": 1, **other}
    return CarrierRequest(Operation.BOOK, uuid4(), uuid4(), **values)


def cancellation_of(booking: CarrierRequest) -> CarrierRequest:
    return replace(booking, operation=Operation.CANCEL)


def state(server: Server, shipment_id: UUID) -> str | None:
    (found,) = server.ask("POST", "/v1/lookup", [str(shipment_id)])[1]
    return str(found["state"]) if found else None


def test_a_booking_buys_a_label(server: Server, carrier: Carrier) -> None:
    booking = a_booking()

    (outcome,) = carrier.perform([booking])

    assert isinstance(outcome, Booked)
    assert outcome.tracking_number
    assert state(server, booking.shipment_id) == "booked"


def test_a_booking_repeated_gets_the_same_label(carrier: Carrier) -> None:
    booking = a_booking()

    first, second = carrier.perform([booking, booking])
    (third,) = carrier.perform([replace(booking, asked_before=True)])

    assert isinstance(first, Booked)
    assert first == second == third


@pytest.mark.parametrize("part", [{"country": "XX"}, {"postal_code": "REFUSE"}], ids=str)
def test_an_address_that_is_not_served_is_refused(carrier: Carrier, part: dict[str, str]) -> None:
    (outcome,) = carrier.perform([a_booking(shipping_address={**ADDRESS, **part})])

    assert isinstance(outcome, Refused)
    assert outcome.code == "address_not_served"


def test_a_cancelled_shipment_has_no_label_now_or_later(server: Server, carrier: Carrier) -> None:
    booked, never_booked = a_booking(), a_booking()
    carrier.perform([booked])

    assert carrier.perform([cancellation_of(booked), cancellation_of(never_booked)]) == [Cancelled(), Cancelled()]
    outcomes = carrier.perform([booked, never_booked, replace(booked, asked_before=True)])

    assert [outcome.code for outcome in outcomes if isinstance(outcome, Refused)] == ["cancelled"] * 3
    assert state(server, booked.shipment_id) == state(server, never_booked.shipment_id) == "cancelled"


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_parcel_on_its_way_is_not_cancelled_and_keeps_its_label(
    server: Server, carrier: Carrier, asked_before: bool
) -> None:
    booking = a_booking(shipping_address={**ADDRESS, "postal_code": "TRANSIT"})
    carrier.perform([booking])

    (outcome,) = carrier.perform([replace(cancellation_of(booking), asked_before=asked_before)])

    assert isinstance(outcome, Refused)
    assert outcome.code == "in_transit"
    assert state(server, booking.shipment_id) == "booked"


def test_a_lost_booking_is_adopted_without_a_second_label(server: Server, carrier: Carrier) -> None:
    booking = a_booking()
    server.ask("PUT", "/faults", {"drop_after_rate": 1})
    assert [type(outcome) for outcome in carrier.perform([booking])] == [Unknown]
    server.ask("DELETE", "/faults")
    labels = server.ask("GET", "/v1/totals")[1]["booked"]

    (adopted,) = carrier.perform([replace(booking, asked_before=True)])

    assert isinstance(adopted, Booked)
    assert server.ask("GET", "/v1/totals")[1]["booked"] == labels


def test_a_lost_cancellation_is_asked_again(server: Server, carrier: Carrier) -> None:
    booking = a_booking()
    carrier.perform([booking])
    server.ask("PUT", "/faults", {"drop_before_rate": 1})
    cancellation = replace(cancellation_of(booking), asked_before=True)
    assert [type(outcome) for outcome in carrier.perform([cancellation])] == [Unknown]
    server.ask("DELETE", "/faults")
    assert state(server, booking.shipment_id) == "booked"

    assert carrier.perform([cancellation]) == [Cancelled()]
    assert state(server, booking.shipment_id) == "cancelled"


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_carrier_that_is_down_leaves_every_request_unknown(asked_before: bool) -> None:
    booking = a_booking(asked_before=asked_before)

    outcomes = SandboxCarrier(f"http://127.0.0.1:{free_port()}").perform([booking, cancellation_of(booking)])

    assert [type(outcome) for outcome in outcomes] == [Unknown, Unknown]


def test_a_server_error_leaves_the_booking_unknown(server: Server, carrier: Carrier) -> None:
    booking = a_booking()
    server.ask("PUT", "/faults", {"error_rate": 1})

    for request in (booking, replace(booking, asked_before=True)):
        (outcome,) = carrier.perform([request])
        assert isinstance(outcome, Unknown)
        assert "status 503" in outcome.reason
    server.ask("DELETE", "/faults")
    assert state(server, booking.shipment_id) is None


def test_outcomes_come_in_the_order_of_the_requests(carrier: Carrier) -> None:
    known, gone = a_booking(), a_booking()
    carrier.perform([known, cancellation_of(gone)])
    requests = [
        cancellation_of(a_booking()),
        a_booking(),
        replace(known, asked_before=True),
        a_booking(shipping_address={**ADDRESS, "country": "XX"}),
        a_booking(asked_before=True),
        replace(gone, asked_before=True),
    ]

    kinds = [type(outcome) for outcome in carrier.perform(requests)]

    assert kinds == [Cancelled, Booked, Booked, Refused, Booked, Refused]


def test_more_than_one_request_takes_is_sent_in_parts(carrier: Carrier) -> None:
    outcomes = carrier.perform([a_booking() for _ in range(1001)])

    assert len({outcome.tracking_number for outcome in outcomes if isinstance(outcome, Booked)}) == 1001
