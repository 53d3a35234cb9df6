"""The payment gateway port over the sandbox gateway's HTTP interface."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from actors.gateways.batching import answered
from actors.gateways.sandbox_http import NoAnswer
from actors.gateways.sandbox_reports import SandboxReports, readable
from contexts.orders.gateway import (
    Approved,
    Charge,
    ChargePage,
    ChargesBetween,
    ChargesOf,
    Declined,
    GatewayRequest,
    Unknown,
)

Outcome = Approved | Declined | Unknown


class SandboxPaymentGateway:
    """A `PaymentGateway`: one HTTP request for a whole batch, and one more if answers were lost before. Thread-safe."""

    def __init__(self, url: str, timeout_seconds: float = 5) -> None:
        self._server = SandboxReports(url, timeout_seconds)

    def perform(self, requests: Sequence[GatewayRequest]) -> Sequence[Outcome]:
        """Perform each request; a fault of the line makes all requests of that HTTP call `Unknown`."""
        return answered(requests, self._look_up, self._perform)

    def report(self, asked: ChargesOf | ChargesBetween) -> ChargePage | Unknown:
        """Tell the gateway's own records; its list knows no time, it only grows."""
        try:
            if isinstance(asked, ChargesBetween):
                records, following, end = self._server.page("/v1/payments/export", "payments", asked.after, asked.limit)
                return ChargePage(readable(records, _charge), following, end)
            names = [str(reference.payment_id) for reference in asked.references]
            return ChargePage(readable(self._server.named("/v1/payments", "payment_id", names), _charge))
        except NoAnswer as fault:
            return Unknown(str(fault))

    def _look_up(self, requests: Sequence[GatewayRequest]) -> Sequence[Outcome | None]:
        try:
            answers = self._server.post("/v1/lookup", [request.idempotency_key for request in requests])
        except NoAnswer as fault:
            return [Unknown(str(fault))] * len(requests)
        return [None if answer is None else _outcome(answer) for answer in answers]

    def _perform(self, requests: Sequence[GatewayRequest]) -> Sequence[Outcome]:
        try:
            answers = self._server.post("/v1/operations", [_wire(request) for request in requests])
        except NoAnswer as fault:
            return [Unknown(str(fault))] * len(requests)
        return [_outcome(answer) for answer in answers]


def _wire(request: GatewayRequest) -> dict[str, object]:
    return {
        "operation": request.operation,
        "idempotency_key": request.idempotency_key,
        "payment_id": request.payment_id,
        "order_id": request.order_id,
        "amount_minor": request.amount_minor,
        "currency": request.currency,
        "card_token": request.card_token,
        "transaction_id": request.transaction_id,
    }


def _outcome(answer: Mapping[str, Any]) -> Outcome:
    match answer:
        case {"status": "approved", "transaction_id": str() | None as transaction_id}:
            return Approved(transaction_id or "", answer.get("card_brand"), answer.get("card_last_four"))
        case {"status": "declined", "code": str() as code, "reason": str() as reason}:
            return Declined(code, reason)
        case {"status": "error", "reason": str() as reason}:
            return Unknown(reason)
    return Unknown(f"the gateway gave an answer that cannot be read: {answer!r}"[:200])


def _charge(record: Mapping[str, Any]) -> Charge:
    return Charge(
        UUID(record["payment_id"]),
        UUID(record["order_id"]),
        record["transaction_id"],
        record["currency"],
        record["authorized_minor"] if record["state"] == "authorized" else 0,
        record["captured_minor"],
        record["refunded_minor"],
    )
