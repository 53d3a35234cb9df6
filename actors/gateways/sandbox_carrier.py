"""The carrier port over the sandbox carrier's HTTP interface."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from actors.gateways.addresses import InvalidAddress, server_address
from actors.gateways.batching import answered
from actors.gateways.sandbox_http import MOST_ELEMENTS, NoAnswer
from actors.gateways.sandbox_reports import SandboxReports, readable
from contexts.delivery.carrier import (
    Booked,
    Cancelled,
    Carrier,
    CarrierRequest,
    Label,
    LabelPage,
    LabelsBetween,
    LabelsOf,
    Operation,
    Refused,
    Unknown,
)

Outcome = Booked | Cancelled | Refused | Unknown


class SandboxCarrier:
    """A `Carrier`: one HTTP request for all bookings of a batch, one for all cancellations. Thread-safe."""

    def __init__(self, url: str, timeout_seconds: float = 5) -> None:
        self._server = SandboxReports(url, timeout_seconds)

    def perform(self, requests: Sequence[CarrierRequest]) -> Sequence[Outcome]:
        """Perform each request; a fault of the line makes all requests of that HTTP call `Unknown`."""
        return answered(requests, self._look_up, self._perform)

    def report(self, asked: LabelsOf | LabelsBetween) -> LabelPage | Unknown:
        """Tell the carrier's own records; its list knows no time, it only grows."""
        try:
            if isinstance(asked, LabelsBetween):
                records, following, end = self._server.page(
                    "/v1/shipments/export", "shipments", asked.after, asked.limit
                )
                return LabelPage(readable(records, _label), following, end)
            known: list[Any] = []
            for start in range(0, len(asked.shipment_ids), MOST_ELEMENTS):
                known += self._server.post("/v1/lookup", asked.shipment_ids[start : start + MOST_ELEMENTS])
            return LabelPage(readable((one for one in known if one is not None), _label))
        except NoAnswer as fault:
            return Unknown(str(fault))

    def _look_up(self, requests: Sequence[CarrierRequest]) -> Sequence[Outcome | None]:
        answers = self._ask("/v1/lookup", requests, lambda request: request.shipment_id)
        return [_found(request, answer) for request, answer in zip(requests, answers, strict=True)]

    def _perform(self, requests: Sequence[CarrierRequest]) -> Sequence[Outcome]:
        cancellations = [request for request in requests if request.operation is Operation.CANCEL]
        bookings = [request for request in requests if request.operation is Operation.BOOK]
        cancelled = iter(self._ask("/v1/cancellations", cancellations, lambda request: request.shipment_id))
        booked = iter(self._ask("/v1/shipments", bookings, _wire))
        return [_outcome(next(cancelled if request.operation is Operation.CANCEL else booked)) for request in requests]

    def _ask(
        self, path: str, requests: Sequence[CarrierRequest], wire: Callable[[CarrierRequest], object]
    ) -> Sequence[Any]:
        """Return the carrier's answers; an `Unknown` in the place of each when there are none."""
        if not requests:
            return []
        try:
            return self._server.post(path, [wire(request) for request in requests])
        except NoAnswer as fault:
            return [Unknown(str(fault))] * len(requests)


def _wire(request: CarrierRequest) -> dict[str, object]:
    return {
        "reference": request.shipment_id,
        "order_id": request.order_id,
        "shipping_method": request.shipping_method,
        "address": dict(request.shipping_address),
        "pieces": request.pieces,
    }


def _found(request: CarrierRequest, answer: Mapping[str, Any] | Unknown | None) -> Outcome | None:
    """Return what a look-up says about the request; None when it must be performed (again)."""
    if answer is None or isinstance(answer, Unknown):
        return answer
    if request.operation is Operation.BOOK:
        return _outcome(answer)
    return Cancelled() if answer.get("state") == "cancelled" else None


def _outcome(answer: Mapping[str, Any] | Unknown) -> Outcome:
    match answer:
        case Unknown():
            return answer
        case {"status": "booked", "tracking_number": str() as tracking_number, "estimated_delivery": str() as day}:
            return Booked(tracking_number, date.fromisoformat(day))
        case {"status": "cancelled"}:
            return Cancelled()
        case {"status": "refused", "code": str() as code, "reason": str() as reason}:
            return Refused(code, reason)
        case {"status": "error", "reason": str() as reason}:
            return Unknown(reason)
    return Unknown(f"the carrier gave an answer that cannot be read: {answer!r}"[:200])


def _label(record: Mapping[str, Any]) -> Label:
    order_id = record["order_id"]
    alive = record["state"] not in ("refused", "cancelled")
    return Label(UUID(record["reference"]), order_id and UUID(order_id), alive, record.get("tracking_number"))


def carrier_from(url: str) -> Carrier:
    """Return the carrier of a URL, `http(s)://host:port`; raises `InvalidAddress` for another one."""
    address = server_address(url if "+" in url.partition(":")[0] else f"sandbox+{url}")
    if address.provider != "sandbox":
        raise InvalidAddress(f"a carrier cannot be reached by {address.provider!r}: use http://host:port")
    return SandboxCarrier(address.url)
