"""The rules of a card network: what may be held, taken, let go and given back. Pure: no web, no clock, no file."""

from collections.abc import Sequence

import orjson

from sandboxes.cards import DeclinedCard, card
from sandboxes.payment_requests import PaymentRequest, fingerprint
from sandboxes.payments import Payment, State, Totals

Outcome = dict[str, str | None]

#: A token that begins so is the card of the rest (`tok_silent_visa`: `tok_visa`). Its authorisation is done, and nobody
#: is ever told: the answer is lost whenever it is asked for.
SILENT_TOKEN = "tok_silent_"
LOST: Outcome = {"status": "error", "reason": "the answer was lost"}

CONFLICT = orjson.dumps({"status": "error", "reason": "this idempotency key was used for another request"})


def declined(code: str, reason: str) -> Outcome:
    """Return a definite no."""
    return {"status": "declined", "code": code, "reason": reason}


class CardNetwork:
    """All payments, and the answer to every idempotency key, for ever.

    The same requests in the same order lead to the same payments and answers: that is how a journal is replayed.
    """

    def __init__(self) -> None:
        self.totals = Totals()
        self.payments: list[Payment] = []
        self._by_id: dict[str, Payment] = {}
        self._forbidden: set[str] = set()
        self._answers: dict[str, tuple[int, bytes]] = {}
        self._rules = {
            "authorize": self._authorize,
            "capture": self._capture,
            "void": self._void,
            "refund": self._refund,
        }

    def answered(self, idempotency_key: str) -> bytes | None:
        """Return the outcome (JSON) that was told under this key, or None."""
        known = self._answers.get(idempotency_key)
        return known[1] if known else None

    def find(self, payment_ids: Sequence[str]) -> list[Payment]:
        """Return the payments that exist among these."""
        return [self._by_id[payment_id] for payment_id in payment_ids if payment_id in self._by_id]

    def perform(self, request: PaymentRequest) -> bytes:
        """Do it unless its key was answered before; return the outcome (JSON)."""
        key, same = request["idempotency_key"], fingerprint(request)
        if known := self._answers.get(key):
            return known[1] if known[0] == same else CONFLICT
        # What orjson returns keeps its whole 4 KB buffer alive; a copy has the size of the answer.
        outcome = bytes(memoryview(orjson.dumps(self._rules[request["operation"]](request))))
        self._answers[key] = (same, outcome)
        return outcome

    def _authorize(self, request: PaymentRequest) -> Outcome:
        token = request["card_token"] or ""
        if not token.startswith(SILENT_TOKEN):
            return self._hold(request, token)
        self._hold(request, "tok_" + token.removeprefix(SILENT_TOKEN))
        return LOST

    def _hold(self, request: PaymentRequest, token: str) -> Outcome:
        refusal = self._not_authorizable(request)
        holder = card(token)
        if refusal is None and isinstance(holder, DeclinedCard):
            refusal = declined(holder.code, holder.reason)
        if refusal is not None or isinstance(holder, DeclinedCard):
            self.totals.declined += 1
            return refusal or {}
        payment = Payment(
            payment_id=request["payment_id"],
            order_id=request["order_id"],
            transaction_id=f"txn_{request['idempotency_key']}",
            currency=request["currency"],
            card_brand=holder.brand,
            card_last_four=holder.last_four,
            authorized_minor=request["amount_minor"],
        )
        self.payments.append(payment)
        self._by_id[payment.payment_id] = payment
        self.totals.authorized(payment)
        return {**_approved(payment), "card_brand": holder.brand, "card_last_four": holder.last_four}

    def _not_authorizable(self, request: PaymentRequest) -> Outcome | None:
        payment_id = request["payment_id"]
        if payment_id in self._forbidden:
            return declined("payment_voided", "The payment was voided.")
        if payment_id in self._by_id:
            return declined("payment_already_authorized", "The payment was authorised before, under another key.")
        if request["amount_minor"] <= 0:
            return declined("amount_too_small", "The amount must be more than nothing.")
        return None

    def _capture(self, request: PaymentRequest) -> Outcome:
        payment = self._named(request)
        if payment is None:
            return declined("resource_missing", "There is no such payment.")
        if payment.state is not State.AUTHORIZED:
            return declined("payment_unexpected_state", f"The payment is {payment.state}, not authorized.")
        amount = request["amount_minor"]
        if wrong := _wrong_amount(request, payment, payment.authorized_minor):
            return wrong
        payment.captured_minor = amount
        self.totals.held_minor -= payment.authorized_minor
        self.totals.captured_minor += amount
        self.totals.released_minor += payment.authorized_minor - amount
        self.totals.moved(payment, State.CAPTURED)
        return _approved(payment)

    def _void(self, request: PaymentRequest) -> Outcome:
        """Let go what is held. What was never authorised is approved too, and can never be authorised afterwards."""
        payment = self._named(request)
        if payment is None or payment.state is State.VOIDED:
            self._forbidden.add(request["payment_id"])
            return {"status": "approved", "transaction_id": payment.transaction_id if payment else None}
        if payment.state is not State.AUTHORIZED:
            return declined("payment_unexpected_state", f"The payment is {payment.state}: it can only be refunded.")
        self._forbidden.add(payment.payment_id)
        self.totals.held_minor -= payment.authorized_minor
        self.totals.voided_minor += payment.authorized_minor
        self.totals.moved(payment, State.VOIDED)
        return _approved(payment)

    def _refund(self, request: PaymentRequest) -> Outcome:
        payment = self._named(request)
        if payment is None:
            return declined("resource_missing", "There is no such payment.")
        if not payment.captured_minor:
            return declined("payment_unexpected_state", f"The payment is {payment.state}: nothing was taken.")
        if wrong := _wrong_amount(request, payment, payment.refundable_minor):
            return wrong
        payment.refunded_minor += request["amount_minor"]
        self.totals.refunded_minor += request["amount_minor"]
        self.totals.moved(payment, State.PARTIALLY_REFUNDED if payment.refundable_minor else State.REFUNDED)
        return _approved(payment)

    def _named(self, request: PaymentRequest) -> Payment | None:
        """Return the payment, unless the request names it by another transaction than its own."""
        payment = self._by_id.get(request["payment_id"])
        if payment and request["transaction_id"] in (None, payment.transaction_id):
            return payment
        return None


def _approved(payment: Payment) -> Outcome:
    return {"status": "approved", "transaction_id": payment.transaction_id}


def _wrong_amount(request: PaymentRequest, payment: Payment, most: int) -> Outcome | None:
    if request["currency"] != payment.currency:
        return declined("currency_mismatch", f"The payment is in {payment.currency}.")
    if request["amount_minor"] <= 0:
        return declined("amount_too_small", "The amount must be more than nothing.")
    if request["amount_minor"] > most:
        return declined("amount_too_large", f"At most {most} can be taken or given back.")
    return None
