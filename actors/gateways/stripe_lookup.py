"""Finding the PaymentIntent of an attempt whose answer was lost, by the metadata that the attempt carried."""

import time
from collections.abc import Iterator
from uuid import UUID

import stripe
from stripe import PaymentIntent, Refund, StripeClient

#: Stripe's search may miss what was made in the last minute or so; the list never does. Seconds, with a margin.
SEARCH_LAG_SECONDS = 300
MOST_PER_PAGE = 100


def carries(made: PaymentIntent | Refund, field: str, value: UUID) -> bool:
    """Tell whether the metadata of an intent or refund names this attempt or payment."""
    return getattr(made.metadata, field, None) == str(value)


class IntentSearch:
    """Look-up of PaymentIntents by metadata: the search first, then the list of those too young for the search.

    A server that has no search (status 404) is asked for its whole list.
    """

    def __init__(self, client: StripeClient) -> None:
        self._intents = client.v1.payment_intents

    def by_key(self, idempotency_key: UUID) -> PaymentIntent | None:
        """Return the intent of one authorisation attempt; raises `stripe.StripeError`."""
        return self._first("idempotency_key", idempotency_key)

    def by_payment(self, payment_id: UUID) -> PaymentIntent | None:
        """Return the intent that holds a payment's money, else any of its intents; raises `stripe.StripeError`."""
        return self._first("payment_id", payment_id)

    def _first(self, field: str, value: UUID) -> PaymentIntent | None:
        found = [intent for intent in self._candidates(field, value) if carries(intent, field, value)]
        return min(found, key=lambda intent: intent.status not in ("requires_capture", "succeeded"), default=None)

    def _candidates(self, field: str, value: UUID) -> Iterator[PaymentIntent]:
        try:
            found = self._intents.search({"query": f"metadata['{field}']:'{value}'", "limit": MOST_PER_PAGE}).data
        except stripe.InvalidRequestError as error:
            if error.http_status != 404:
                raise
            yield from self._intents.list({"limit": MOST_PER_PAGE}).auto_paging_iter()
            return
        yield from found
        if not found:
            since = int(time.time()) - SEARCH_LAG_SECONDS
            yield from self._intents.list({"created": {"gte": since}, "limit": MOST_PER_PAGE}).auto_paging_iter()
