"""What Stripe's own records say of payments: PaymentIntents, by their ids or by when they were made, as charges."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import stripe
from stripe import PaymentIntent, StripeClient

from actors.gateways.stripe_lookup import MOST_PER_PAGE, IntentSearch
from contexts.orders.gateway import Charge, ChargePage, ChargeReference, ChargesBetween

#: How much of a charge was given back is told by the charge alone.
CHARGE = "latest_charge"


class ChargeReports:
    """Reads intents. Those without this shop's metadata are another business's on the same account: left out."""

    def __init__(self, client: StripeClient, search: IntentSearch) -> None:
        self._intents = client.v1.payment_intents
        self._search = search

    def of(self, reference: ChargeReference) -> list[Charge]:
        """Return a payment's charges, looked up by their names, or by the payment where Stripe knows none of these.

        Raises `stripe.StripeError`.
        """
        charges = [charge for name in reference.transaction_ids for charge in self._retrieved(name)]
        if charges:
            return charges
        found = self._search.by_payment(reference.payment_id)
        return self._retrieved(found.id) if found else []

    def between(self, asked: ChargesBetween) -> ChargePage:
        """Return a page of the charges that were made in a window. Raises `stripe.StripeError`."""
        page: dict[str, Any] = {"limit": min(asked.limit, MOST_PER_PAGE), "expand": [f"data.{CHARGE}"]}
        if asked.after:
            page["starting_after"] = asked.after
        since, until = int(asked.since.timestamp()), int(asked.until.timestamp())
        try:
            listed = self._intents.list({**page, "created": {"gte": since, "lt": until}})  # type: ignore[arg-type]
        except stripe.InvalidRequestError:
            # Stripe-like servers may know no filter by time: their whole list is read. Another fault is raised now.
            listed = self._intents.list(page)  # type: ignore[arg-type]
        charges = (_charges(intent) for intent in listed.data if since <= intent.created < until)
        found = tuple(charge for some in charges for charge in some)
        return ChargePage(found, listed.data[-1].id if listed.data and listed.has_more else None)

    def _retrieved(self, transaction_id: str) -> list[Charge]:
        try:
            return list(_charges(self._intents.retrieve(transaction_id, {"expand": [CHARGE]})))
        except stripe.InvalidRequestError as error:
            if error.http_status != 404:
                raise
            return []


def _charges(intent: PaymentIntent) -> Iterator[Charge]:
    payment_id, order_id = _identity(intent, "payment_id"), _identity(intent, "order_id")
    if payment_id is None or order_id is None:
        return
    taken = intent.status == "succeeded"
    charge: Any = getattr(intent, CHARGE, None)
    yield Charge(
        payment_id,
        order_id,
        intent.id,
        intent.currency.upper(),
        intent.amount if intent.status == "requires_capture" else 0,
        getattr(intent, "amount_received", intent.amount) if taken else 0,
        charge.amount_refunded if taken and charge is not None else 0,
    )


def _identity(intent: PaymentIntent, field: str) -> UUID | None:
    """Return an id of ours in the metadata; None where there is none, or something that is no id."""
    try:
        return UUID(getattr(intent.metadata, field, None) or "")
    except ValueError:
        return None
