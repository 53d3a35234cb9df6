"""The requests that the sandbox payment gateway takes: their shape, and what is wrong with one that has another."""

from typing import Any, TypedDict, cast

OPERATIONS = ("authorize", "capture", "void", "refund")
NAMES = ("idempotency_key", "payment_id", "order_id", "currency")
OPTIONAL_NAMES = ("card_token", "transaction_id")


class PaymentRequest(TypedDict):
    """One operation on one payment. `amount_minor` is in minor currency units."""

    operation: str
    idempotency_key: str
    payment_id: str
    order_id: str
    amount_minor: int
    currency: str
    card_token: str | None
    transaction_id: str | None


class MalformedRequest(ValueError):
    """Raised when an element of the batch is not a payment request."""


def payment_request(item: Any) -> PaymentRequest:
    """Return the element as a request, without fields that are not its own; raises `MalformedRequest`."""
    if not isinstance(item, dict):
        raise MalformedRequest("a request must be an object")
    if item.get("operation") not in OPERATIONS:
        raise MalformedRequest(f"operation must be one of {', '.join(OPERATIONS)}")
    if type(item.get("amount_minor")) is not int:
        raise MalformedRequest("amount_minor must be a whole number")
    for name in NAMES:
        if not isinstance(item.get(name), str) or not item[name]:
            raise MalformedRequest(f"{name} must be a string that is not empty")
    for name in OPTIONAL_NAMES:
        if not isinstance(item.get(name), str | None):
            raise MalformedRequest(f"{name} must be a string or null")
    return cast(PaymentRequest, {name: item.get(name) for name in PaymentRequest.__annotations__})


def fingerprint(request: PaymentRequest) -> int:
    """Return 64 bits that tell requests under the same key apart, within this process."""
    return hash(tuple(request.values()))
