"""Orders and payments as their events tell them, compared with the rows, field by field."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from auditing.facts import EventFact, OrderFacts
from operations.order_history import as_of

#: A payment of which nothing happened yet.
FRESH_PAYMENT = {
    "status": "CREATED",
    "captured_minor": 0,
    "refunded_minor": 0,
    "transaction_id": None,
    "failure_code": None,
    "version": 0,
}

_EPOCH, _END = datetime.fromtimestamp(0, UTC), datetime.max.replace(tzinfo=UTC)

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of an `order` or `payment` row that is not what the events make of it."""

    of: str
    field: str
    row: object
    events: object


def differences(facts: OrderFacts) -> Iterator[Difference]:
    """Yield where the rows of an order and its payment, and their events, tell different things."""
    of_order = [event for event in facts.events if not event.is_of_payment]
    of_payment = [event for event in facts.events if event.is_of_payment]
    stored = _order_row(facts) if facts.order else {}
    yield from _compared("order", stored, _rebuilt_order(of_order))
    # Events do not say whose they are; a second payment is a violation of its own.
    if len(facts.payments) == 1:
        row = {name: getattr(facts.payments[0], name) for name in FRESH_PAYMENT}
        yield from _compared("payment", row, _rebuilt_payment(of_payment))
    elif of_payment and not facts.payments:
        yield Difference("payment", "status", None, _rebuilt_payment(of_payment)["status"])


def _order_row(facts: OrderFacts) -> Fields:
    names = ("status", "total_minor", "reason", "return_reason", "return_refusal", "version")
    return {name: getattr(facts.order, name) for name in names}


def _rebuilt_order(events: Sequence[EventFact]) -> Fields:
    told = {event.kind: event.payload for event in events}
    return {
        "status": _history(events)["order_status"],
        "total_minor": told.get("OrderPlaced", {}).get("total_minor"),
        "reason": told.get("OrderRejected", {}).get("reason"),
        "return_reason": told.get("OrderReturned", {}).get("reason"),
        "return_refusal": told.get("ReturnRefused", {}).get("reason"),
        "version": _version(events),
    }


def _rebuilt_payment(events: Sequence[EventFact]) -> Fields:
    if not events:
        return FRESH_PAYMENT
    history, last = _history(events), events[-1].payload
    return {
        "status": history["payment_status"],
        "captured_minor": history["captured_minor"],
        "refunded_minor": history["refunded_minor"],
        "transaction_id": last.get("transaction_id"),
        "failure_code": last.get("failure_code"),
        "version": _version(events),
    }


def _history(events: Sequence[EventFact]) -> Fields:
    """Replay events in the order of their sequence: the workers' clocks that dated them may differ."""
    listed = [{"at": _EPOCH, "event_type": one.kind, "payload": one.payload} for one in events]
    return as_of({"order_events": listed}, _END)


def _version(events: Sequence[EventFact]) -> object:
    """Return the version that so many events make; the sequences themselves where one is missing or there twice."""
    sequences = [event.sequence for event in events]
    return len(events) if sequences == list(range(1, len(events) + 1)) else f"sequences {sequences}"


def _compared(of: str, row: Fields, events: Fields) -> Iterator[Difference]:
    for name, told in events.items():
        if row.get(name) != told:
            yield Difference(of, name, row.get(name), told)
