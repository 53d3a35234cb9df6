"""The rules of a parcel carrier's booking desk. Pure: no web, no file; today is told by the record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2s
from typing import Any

import orjson

UNSERVED_COUNTRY = "XX"
UNSERVED_POSTAL_CODE = "REFUSE"
#: A parcel to a postal code that begins so is on its way as soon as it is booked: it cannot be cancelled any more.
UNSTOPPABLE_POSTAL_CODE = "TRANSIT"
#: A parcel to a postal code that begins so is booked, but every answer about the booking is lost until its cancellation
#: is asked for. What follows in the postal code counts too: SILENT TRANSIT.
SILENT_POSTAL_CODE = "SILENT"
#: Days to the door by shipping method; any other method takes `STANDARD_DAYS`.
DAYS = {"OVERNIGHT": 1, "EXPRESS": 2}
STANDARD_DAYS = 5
CONFLICT = {"status": "error", "reason": "this reference was used for another shipment"}
LOST = {"status": "error", "reason": "the answer was lost"}
CANCELLED = {"status": "refused", "code": "cancelled", "reason": "The shipment was cancelled."}
IN_TRANSIT = {"status": "refused", "code": "in_transit", "reason": "The parcel is on its way."}


class MalformedBooking(ValueError):
    """Raised when an element of the batch is not a booking."""


@dataclass(slots=True)
class Shipment:
    """A reference that the carrier knows: `state` is booked, refused or cancelled."""

    reference: str
    state: str
    order_id: str | None = None
    tracking_number: str | None = None
    estimated_delivery: str | None = None
    refusal: dict[str, str] | None = None
    fingerprint: int = 0
    stoppable: bool = True
    silent: bool = False

    def outcome(self) -> dict[str, Any]:
        """Return what a booking under this reference is answered."""
        if self.state == "cancelled":
            return CANCELLED
        if self.silent:
            return LOST
        return self.refusal or {
            "status": "booked",
            "tracking_number": self.tracking_number,
            "estimated_delivery": self.estimated_delivery,
        }

    def shown(self) -> dict[str, Any]:
        """Return the shipment as it is shown to clients."""
        return {"reference": self.reference, "order_id": self.order_id, "state": self.state, **self.outcome()}


class BookingDesk:
    """All references, for ever: one reference never buys two labels, and a cancelled one never buys any."""

    def __init__(self) -> None:
        self.shipments: list[Shipment] = []
        self.totals = {"references": 0, "booked": 0, "refused": 0, "cancelled": 0, "pieces": 0}
        self._by_reference: dict[str, Shipment] = {}

    def find(self, references: Sequence[str]) -> list[Shipment | None]:
        """Return the shipment of each reference, None for one that was never used."""
        return [self._by_reference.get(reference) for reference in references]

    def book(self, booking: dict[str, Any], today: date) -> dict[str, Any]:
        """Book a parcel, or refuse it, or repeat what was answered before."""
        same = hash(orjson.dumps(booking, option=orjson.OPT_SORT_KEYS))
        if known := self._by_reference.get(booking["reference"]):
            return CONFLICT if known.state != "cancelled" and known.fingerprint != same else known.outcome()
        refusal = _refusal(booking)
        shipment = Shipment(booking["reference"], "refused" if refusal else "booked", booking["order_id"])
        shipment.fingerprint, shipment.refusal = same, refusal
        if not refusal:
            shipment.tracking_number = _tracking_number(shipment.reference)
            shipment.estimated_delivery = _door_date(booking["shipping_method"], today)
            postal_code = booking["address"].get("postal_code", "")
            shipment.silent = postal_code.startswith(SILENT_POSTAL_CODE)
            rest = postal_code.removeprefix(SILENT_POSTAL_CODE).lstrip()
            shipment.stoppable = not rest.startswith(UNSTOPPABLE_POSTAL_CODE)
            self.totals["pieces"] += booking["pieces"]
        self._add(shipment)
        return shipment.outcome()

    def cancel(self, reference: str) -> dict[str, Any]:
        """See to it that no label is alive under the reference, now or later; refuse it for a parcel on its way."""
        shipment = self._by_reference.get(reference)
        if shipment is None:
            self._add(Shipment(reference, "cancelled"))
            return {"status": "cancelled"}
        shipment.silent = False
        if not shipment.stoppable:
            return IN_TRANSIT
        if shipment.state != "cancelled":
            self.totals[shipment.state] -= 1
            self.totals["cancelled"] += 1
            shipment.state = "cancelled"
        return {"status": "cancelled"}

    def _add(self, shipment: Shipment) -> None:
        self.shipments.append(shipment)
        self._by_reference[shipment.reference] = shipment
        self.totals["references"] += 1
        self.totals[shipment.state] += 1


def booking_of(item: Any) -> dict[str, Any]:
    """Return the element as a booking, without fields that are not its own; raises `MalformedBooking`."""
    if not isinstance(item, dict):
        raise MalformedBooking("a booking must be an object")
    for name in ("reference", "order_id", "shipping_method"):
        if not isinstance(item.get(name), str) or not item[name]:
            raise MalformedBooking(f"{name} must be a string that is not empty")
    address = item.get("address")
    if not isinstance(address, dict) or not all(isinstance(part, str) for part in address.values()):
        raise MalformedBooking("address must be an object of strings")
    if type(item.get("pieces")) is not int:
        raise MalformedBooking("pieces must be a whole number")
    return {name: item[name] for name in ("reference", "order_id", "shipping_method", "address", "pieces")}


def _refusal(booking: dict[str, Any]) -> dict[str, str] | None:
    address = booking["address"]
    unserved = address.get("country", "").upper() == UNSERVED_COUNTRY
    if unserved or address.get("postal_code", "").startswith(UNSERVED_POSTAL_CODE):
        return {"status": "refused", "code": "address_not_served", "reason": "The carrier does not go there."}
    if booking["pieces"] < 1:
        return {"status": "refused", "code": "no_pieces", "reason": "A shipment has at least one piece."}
    return None


def _tracking_number(reference: str) -> str:
    return "FV" + blake2s(reference.encode(), digest_size=9).hexdigest().upper()


def _door_date(shipping_method: str, today: date) -> str:
    days = DAYS.get(shipping_method.upper(), STANDARD_DAYS)
    return (today + timedelta(days=days)).isoformat()
