"""The sandbox carrier over HTTP: one reference never buys two labels, a cancelled one never buys any."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from .launching import Launch, Server


@pytest.fixture
def carrier(launch: Launch, tmp_path: Path) -> Server:
    return launch("sandboxes.carrier", "--journal", str(tmp_path / "shipments.jsonl"))


def a_booking(reference: str, **other: Any) -> dict[str, Any]:
    return {
        "reference": reference,
        "order_id": f"order of {reference}",
        "shipping_method": "STANDARD",
        "address": {"name": "A. Customer", "city": "Berne", "postal_code": "3000", "country": "CH"},
        "pieces": 2,
        **other,
    }


def booked(carrier: Server, *bookings: Any) -> list[dict[str, Any]]:
    status, answers = carrier.ask("POST", "/v1/shipments", list(bookings))
    assert status == 200
    return list(answers)


def test_a_booking_tells_the_tracking_number_and_the_day(carrier: Server) -> None:
    slow, fast = booked(carrier, a_booking("s1"), a_booking("s2", shipping_method="EXPRESS"))

    today = datetime.now(UTC).date()
    assert slow["status"] == fast["status"] == "booked"
    assert slow["tracking_number"] != fast["tracking_number"]
    assert today < date.fromisoformat(fast["estimated_delivery"]) < date.fromisoformat(slow["estimated_delivery"])


def test_one_reference_never_buys_two_labels(carrier: Server) -> None:
    first, second = booked(carrier, a_booking("s1"), a_booking("s1"))
    (third,) = booked(carrier, a_booking("s1"))
    (conflict,) = booked(carrier, a_booking("s1", pieces=9))

    assert first == second == third
    assert conflict["status"] == "error"
    assert carrier.ask("GET", "/v1/totals")[1]["booked"] == 1


@pytest.mark.parametrize(
    "address",
    [{"postal_code": "REFUSE 1", "country": "CH"}, {"postal_code": "1", "country": "XX"}],
    ids=["postal code", "country"],
)
def test_an_address_that_is_not_served_is_refused(carrier: Server, address: dict[str, str]) -> None:
    (answer,) = booked(carrier, a_booking("s1", address=address))

    assert (answer["status"], answer["code"]) == ("refused", "address_not_served")


def test_a_cancelled_reference_never_buys_a_label(carrier: Server) -> None:
    booking = a_booking("s1")
    booked(carrier, booking)

    assert carrier.ask("POST", "/v1/cancellations", ["s1", "s2"])[1] == [{"status": "cancelled"}] * 2
    after = booked(carrier, booking, a_booking("s2"))

    assert [answer["code"] for answer in after] == ["cancelled", "cancelled"]
    totals = carrier.ask("GET", "/v1/totals")[1]
    assert (totals["references"], totals["booked"], totals["cancelled"]) == (2, 0, 2)


def test_a_parcel_that_is_on_its_way_cannot_be_cancelled_any_more(carrier: Server) -> None:
    gone = a_booking("s1", address={"postal_code": "TRANSIT 1", "country": "CH"})
    told = booked(carrier, gone, a_booking("s2"))

    for _ in range(2):
        _, (refused, cancelled) = carrier.ask("POST", "/v1/cancellations", ["s1", "s2"])
        assert (refused["status"], refused["code"], cancelled["status"]) == ("refused", "in_transit", "cancelled")

    assert booked(carrier, gone) == told[:1]
    totals = carrier.ask("GET", "/v1/totals")[1]
    assert (totals["booked"], totals["cancelled"]) == (1, 1)


def test_a_parcel_that_was_cancelled_before_it_was_booked_never_leaves(carrier: Server) -> None:
    carrier.ask("POST", "/v1/cancellations", ["s1"])

    (answer,) = booked(carrier, a_booking("s1", address={"postal_code": "TRANSIT", "country": "CH"}))

    assert (answer["status"], answer["code"]) == ("refused", "cancelled")


def test_a_parcel_whose_booking_is_not_answered_is_booked_and_can_be_cancelled(carrier: Server) -> None:
    silent = a_booking("s1", address={"postal_code": "SILENT 1", "country": "CH"})

    for _ in range(2):
        assert [one["status"] for one in booked(carrier, silent, a_booking("s2"))] == ["error", "booked"]
    _, (looked_up,) = carrier.ask("POST", "/v1/lookup", ["s1"])
    assert (looked_up["status"], looked_up["state"]) == ("error", "booked")
    assert carrier.ask("GET", "/v1/totals")[1]["booked"] == 2

    assert carrier.ask("POST", "/v1/cancellations", ["s1"])[1] == [{"status": "cancelled"}]
    assert booked(carrier, silent)[0]["code"] == "cancelled"
    assert carrier.ask("GET", "/v1/totals")[1]["booked"] == 1


def test_a_booking_that_was_not_answered_is_when_its_cancellation_was_refused(carrier: Server) -> None:
    silent = a_booking("s1", address={"postal_code": "SILENT TRANSIT", "country": "CH"})
    assert booked(carrier, silent)[0]["status"] == "error"

    _, (refused,) = carrier.ask("POST", "/v1/cancellations", ["s1"])

    assert (refused["status"], refused["code"]) == ("refused", "in_transit")
    assert booked(carrier, silent)[0]["status"] == "booked"
    assert carrier.ask("POST", "/v1/lookup", ["s1"])[1][0]["status"] == "booked"


@pytest.mark.parametrize("flaw", [{"reference": None}, {"address": "here"}, {"address": {"a": 1}}, {"pieces": "2"}])
def test_one_malformed_booking_harms_no_other(carrier: Server, flaw: dict[str, Any]) -> None:
    bad, good = booked(carrier, {**a_booking("s1"), **flaw}, a_booking("s2"))

    assert (bad["status"], good["status"]) == ("error", "booked")
    assert next(iter(flaw)) in bad["reason"]


def test_references_are_looked_up_shown_and_exported(carrier: Server) -> None:
    booked(carrier, a_booking("s1"), a_booking("s2", pieces=0))

    _, looked_up = carrier.ask("POST", "/v1/lookup", ["s2", "none", "s1"])
    _, shown = carrier.ask("GET", "/v1/shipments?reference=s1&reference=none")
    _, page = carrier.ask("GET", "/v1/shipments/export?limit=1")

    assert [found and found["state"] for found in looked_up] == ["refused", None, "booked"]
    assert [shipment["order_id"] for shipment in shown] == ["order of s1"]
    assert ([shipment["reference"] for shipment in page["shipments"]], page["next"]) == (["s1"], 1)


def test_a_restart_forgets_nothing(launch: Launch, tmp_path: Path) -> None:
    journal = str(tmp_path / "shipments.jsonl")
    before = launch("sandboxes.carrier", "--journal", journal)
    told = booked(before, a_booking("s1"), a_booking("s2", address={"country": "XX"}))
    in_transit = a_booking("s4", address={"postal_code": "TRANSIT"})
    silent = a_booking("s5", address={"postal_code": "SILENT"})
    heard = a_booking("s6", address={"postal_code": "SILENT TRANSIT"})
    told += booked(before, in_transit, silent)
    booked(before, heard)
    before.ask("POST", "/v1/cancellations", ["s3", "s4", "s6"])
    told += booked(before, heard)
    totals = before.ask("GET", "/v1/totals")
    before.kill()

    after = launch("sandboxes.carrier", "--journal", journal)

    assert after.ask("GET", "/v1/totals") == totals
    assert booked(after, a_booking("s1"), a_booking("s2", address={"country": "XX"}), in_transit, silent, heard) == told
    assert booked(after, a_booking("s3"))[0]["code"] == "cancelled"
