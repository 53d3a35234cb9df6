"""The payment gateway port over the Stripe API: a payment is a PaymentIntent that is captured by hand.

Every intent and refund carries the attempt's key and the payment in its metadata. Stripe forgets an Idempotency-Key
after a day, so an attempt whose answer was lost is looked up by that metadata before it is made again.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import stripe
from stripe import PaymentIntent, Refund, StripeClient

from actors.gateways.stripe_http import StripeLine
from actors.gateways.stripe_lookup import IntentSearch, carries
from actors.gateways.stripe_reports import ChargeReports
from contexts.orders.gateway import (
    Approved,
    ChargePage,
    ChargesBetween,
    ChargesOf,
    Declined,
    GatewayRequest,
    Operation,
    Unknown,
)

Outcome = Approved | Declined | Unknown
#: Requests that one gateway has under way at once.
CONCURRENT_REQUESTS = 8
EXPAND = ["payment_method"]
#: The last API major that takes `payment_method_types`. Its successor, "endive", refuses it and wants
#: `allowed_payment_method_types` instead, which Stripe-like local servers do not know.
API_VERSION = "2026-07-29.dahlia"
#: Payment methods that stand for the test cards; any other token is handed to Stripe as it is.
PAYMENT_METHODS: Mapping[str, str] = {
    "tok_visa": "pm_card_visa",
    "tok_mastercard": "pm_card_mastercard",
    "tok_amex": "pm_card_amex",
    "tok_chargeDeclined": "pm_card_chargeCustomerFail",
    "tok_chargeDeclinedInsufficientFunds": "pm_card_visa_chargeDeclinedInsufficientFunds",
    "tok_chargeDeclinedExpiredCard": "pm_card_chargeDeclinedExpiredCard",
}


class StripePaymentGateway:
    """A `PaymentGateway` on the official SDK. Thread-safe; to be created after a process has forked."""

    def __init__(self, url: str, api_key: str, timeout_seconds: float = 10) -> None:
        client = StripeClient(
            api_key,
            stripe_version=API_VERSION,
            base_addresses={"api": url},
            max_network_retries=0,
            http_client=StripeLine(timeout=timeout_seconds),
        )
        self._intents, self._refunds = client.v1.payment_intents, client.v1.refunds
        self._search = IntentSearch(client)
        self._threads = ThreadPoolExecutor(CONCURRENT_REQUESTS, thread_name_prefix="stripe")
        self._reports = ChargeReports(client, self._search)
        self._operations: Mapping[Operation, Callable[[GatewayRequest], Outcome]] = {
            Operation.AUTHORIZE: self._authorize,
            Operation.CAPTURE: self._capture,
            Operation.VOID: self._void,
            Operation.REFUND: self._refund,
        }

    def perform(self, requests: Sequence[GatewayRequest]) -> Sequence[Outcome]:
        """Perform each request, several at once; a fault is an `Unknown` outcome of the request that met it."""
        return list(self._threads.map(self._perform_one, requests))

    def report(self, asked: ChargesOf | ChargesBetween) -> ChargePage | Unknown:
        """Tell Stripe's own records; a fault of one look-up makes the whole page unknown."""
        try:
            if isinstance(asked, ChargesBetween):
                return self._reports.between(asked)
            found = self._threads.map(self._reports.of, asked.references)
            return ChargePage(tuple(charge for charges in found for charge in charges))
        except stripe.StripeError as fault:
            return Unknown(f"{type(fault).__name__}: {fault.user_message}")

    def _perform_one(self, request: GatewayRequest) -> Outcome:
        try:
            return self._operations[request.operation](request)
        except (stripe.CardError, stripe.InvalidRequestError) as refusal:
            return _declined(refusal)
        except stripe.StripeError as fault:
            return Unknown(f"{type(fault).__name__}: {fault.user_message}")

    def _authorize(self, request: GatewayRequest) -> Outcome:
        if request.asked_before and (found := self._search.by_key(request.idempotency_key)):
            return _authorization(self._intents.retrieve(found.id, {"expand": EXPAND}))
        token = request.card_token or ""
        intent = self._intents.create(
            {  # type: ignore[typeddict-unknown-key]
                "amount": request.amount_minor,
                "currency": request.currency.lower(),
                "payment_method": PAYMENT_METHODS.get(token, token),
                "payment_method_types": ["card"],
                "capture_method": "manual",
                "confirm": True,
                "metadata": _metadata(request),
                "expand": EXPAND,
            },
            {"idempotency_key": str(request.idempotency_key)},
        )
        return _authorization(intent)

    def _capture(self, request: GatewayRequest) -> Outcome:
        intent_id = self._intent_id(request)
        if intent_id is None:
            return Declined("resource_missing", "There is no such payment.")
        try:
            intent = self._intents.capture(
                intent_id,
                {"amount_to_capture": request.amount_minor},
                {"idempotency_key": str(request.idempotency_key)},
            )
        except stripe.InvalidRequestError:
            intent = self._intents.retrieve(intent_id)
            if not _was_captured(intent, request.amount_minor):
                raise
        return _settlement(intent)

    def _void(self, request: GatewayRequest) -> Outcome:
        """Cancel the intent; where none was ever made there is nothing to cancel, and no transaction to name."""
        intent_id = self._intent_id(request)
        if intent_id is None:
            return Approved("")
        try:
            self._intents.cancel(intent_id, {}, {"idempotency_key": str(request.idempotency_key)})
        except stripe.InvalidRequestError:
            if self._intents.retrieve(intent_id).status != "canceled":
                raise
        return Approved(intent_id)

    def _refund(self, request: GatewayRequest) -> Outcome:
        intent_id = self._intent_id(request)
        if intent_id is None:
            return Declined("resource_missing", "There is no such payment.")
        refund = self._earlier_refund(intent_id, request) if request.asked_before else None
        refund = refund or self._refunds.create(
            {"payment_intent": intent_id, "amount": request.amount_minor, "metadata": _metadata(request)},
            {"idempotency_key": str(request.idempotency_key)},
        )
        if refund.status in ("failed", "canceled"):
            return Declined(f"refund_{refund.status}", "The refund did not reach the card.")
        return Approved(intent_id)

    def _earlier_refund(self, intent_id: str, request: GatewayRequest) -> Refund | None:
        refunds = self._refunds.list({"payment_intent": intent_id, "limit": 100}).auto_paging_iter()
        return next((refund for refund in refunds if carries(refund, "idempotency_key", request.idempotency_key)), None)

    def _intent_id(self, request: GatewayRequest) -> str | None:
        """Return the intent's id; one whose answer was lost, so that nobody knows it, is looked up by its payment."""
        if request.transaction_id:
            return request.transaction_id
        intent = self._search.by_payment(request.payment_id)
        return intent.id if intent else None


def _metadata(request: GatewayRequest) -> dict[str, str]:
    return {
        "payment_id": str(request.payment_id),
        "order_id": str(request.order_id),
        "idempotency_key": str(request.idempotency_key),
    }


def _authorization(intent: PaymentIntent) -> Outcome:
    if intent.status in ("requires_capture", "succeeded"):
        card = getattr(intent.payment_method, "card", None)
        return Approved(intent.id, card.brand, card.last4) if card else Approved(intent.id)
    if intent.status == "processing":
        return Unknown("the authorisation is still being processed")
    error = intent.last_payment_error
    if error is None:
        return Declined(f"intent_{intent.status}", f"The intent is {intent.status}: nothing is held.")
    return Declined(_code(error), getattr(error, "message", None) or "The card was declined.")


def _settlement(intent: PaymentIntent) -> Outcome:
    """Return what a capture came to, judged by the state it left: a server may answer 200 and have taken nothing."""
    if intent.status == "succeeded":
        return Approved(intent.id)
    if intent.status == "processing":
        return Unknown("the capture is still being processed")
    return Declined("payment_intent_unexpected_state", f"The intent is {intent.status}: nothing was taken.")


def _was_captured(intent: PaymentIntent, amount_minor: int) -> bool:
    """Tell whether just this amount was taken before, as far as the server tells amounts."""
    return intent.status == "succeeded" and getattr(intent, "amount_received", amount_minor) == amount_minor


def _declined(refusal: stripe.CardError | stripe.InvalidRequestError) -> Declined:
    code = _code(refusal.error) or refusal.code or "invalid_request"
    return Declined(code, refusal.user_message or "The request was refused.")


def _code(error: object) -> str:
    """Return the issuer's own reason where there is one, else Stripe's."""
    return getattr(error, "decline_code", None) or getattr(error, "code", None) or ""
