"""One order in time: its facts as one timeline, and its state as of a moment."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

Facts = Mapping[str, Any]
Entry = dict[str, Any]

#: What an order is after an event that is told as `Order...`; its other events leave its status as it is.
STATUS_AFTER = {
    "OrderPlaced": "PENDING",
    "OrderCompleted": "COMPLETED",
    "OrderRejected": "REJECTED",
    "OrderReturned": "RETURNED",
}


def merged(facts: Facts) -> list[Entry]:
    """Return everything that has a time, earliest first: {"at", "context", "what", "detail"}."""
    told = [*_of_the_order(facts), *_of_the_journey(facts), *_of_stock(facts), *_of_the_parcel(facts)]
    told += [*_of_the_mails(facts), *_of_the_dead(facts)]
    return sorted(told, key=lambda entry: entry["at"])


def as_of(facts: Facts, until: datetime) -> Entry:
    """Return what the events up to a moment tell: status of order, payment and journey; None where nothing happened."""
    events = [event for event in facts.get("order_events", []) if event["at"] <= until]
    of_payment = [event for event in events if event["event_type"].startswith("Payment")]
    statuses = [STATUS_AFTER[event["event_type"]] for event in events if event["event_type"] in STATUS_AFTER]
    paid: Facts = of_payment[-1]["payload"] if of_payment else {}
    steps = [event for event in (facts.get("journey") or {}).get("timeline", []) if event["at"] <= until]
    return {
        "as_of": until,
        "order_status": statuses[-1] if statuses else None,
        "payment_status": paid.get("status"),
        "captured_minor": paid.get("captured_minor"),
        "refunded_minor": paid.get("refunded_minor"),
        "journey_last": steps[-1]["what"] if steps else None,
        "journey_step": steps[-1]["step"] if steps else None,
    }


def _entry(at: datetime, context: str, what: str, **detail: Any) -> Entry:
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in detail.items() if value not in (None, ""))
    return {"at": at, "context": context, "what": what, "detail": told}


def _of_the_order(facts: Facts) -> Iterator[Entry]:
    for event in facts.get("order_events", []):
        yield _entry(event["at"], "orders", event["event_type"], **event["payload"])


def _of_the_journey(facts: Facts) -> Iterator[Entry]:
    for event in (facts.get("journey") or {}).get("timeline", []):
        detail = {"step": event["step"], "event": event["event"], **event["detail"]}
        yield _entry(event["at"], "coordination", event["what"], **detail)


def _of_stock(facts: Facts) -> Iterator[Entry]:
    for one in facts.get("movements", []):
        what = f"Stock{one['movement_type'].title()}"
        detail = {"quantity": one["quantity"], "product": one["product_id"], "warehouse": one["warehouse_id"]}
        yield _entry(one["at"], "inventory", what, **detail)


def _of_the_parcel(facts: Facts) -> Iterator[Entry]:
    for event in facts.get("tracking", []):
        detail = {"location": event["location"], "description": event["description"]}
        yield _entry(event["at"], "delivery", f"Parcel{event['event_type'].title()}", **detail)


def _of_the_mails(facts: Facts) -> Iterator[Entry]:
    for mail in facts.get("mails", []):
        yield _entry(mail["created_at"], "notifications", "MailRequested", about=mail["event_type"])
        if mail["sent_at"]:
            yield _entry(mail["sent_at"], "notifications", "MailSent", about=mail["event_type"], to=mail["address"])


def _of_the_dead(facts: Facts) -> Iterator[Entry]:
    for letter in facts.get("dead_letters", []):
        detail = {"message": letter["message_type"], "error": letter["error"], "attempts": letter["attempts"]}
        yield _entry(letter["died_at"], letter["context"], "MessageDied", **detail)
        if letter["resolved_at"]:
            resolved = {"message": letter["message_type"], "by": letter["resolved_by"], "note": letter["note"]}
            yield _entry(letter["resolved_at"], letter["context"], "DeadLetterResolved", **resolved)
