"""Dead letters as the runtime writes them, and what waits in an outbox after they were sent again."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson

from contexts.messages import Message, Stamped
from contexts.orders.messages import CapturePayment, OrderCompleted
from contexts.subscriptions import actor_address
from persistence.parcels import DeadLetter
from tests.contexts.examples import an_answer

from .operators_desk import Desk


def died(context: str, body: Message, **changes: Any) -> DeadLetter:
    """A letter as the runtime writes it after the last attempt."""
    order_id: UUID = body.order_id  # type: ignore[attr-defined]
    message = Stamped(uuid4(), body, order_id, uuid4(), datetime.now(UTC), 9)
    fields: dict[str, Any] = {
        "id": message.id,
        "destination": actor_address(context, type(body)),
        "message_type": body.wire_name,
        "correlation_id": order_id,
        "payload": message.to_dict(),
        "attempts": 10,
        "error": "KeyError('amount')",
        "traceback": 'Traceback\n  File "x.py", line 1\nKeyError: amount',
        "died_at": message.occurred_at,
    }
    return DeadLetter(**fields | changes)


def capture(**changes: Any) -> DeadLetter:
    return died("orders", CapturePayment(order_id=uuid4()), **changes)


def mail(**changes: Any) -> DeadLetter:
    return died("notifications", an_answer(OrderCompleted, uuid4()), **changes)


def bury(desk: Desk, *letters: DeadLetter) -> None:
    """Put letters into their contexts' stores."""
    for letter in letters:
        context = letter.destination.actor.partition(".")[0]
        if context == "notifications":
            with desk.mongo_store.transaction() as transaction:
                transaction.bury(letter)
        else:
            with desk.store(context) as store, store.transaction() as postgres:
                postgres.bury(letter)


def waiting(desk: Desk, context: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return queue, actor and message of all that waits in a context's outbox and is due, a message a row."""
    if context == "notifications":
        now = datetime.now(UTC) + timedelta(seconds=1)
        rows = [(one["queue"], one["actor"], one["payload"]) for one in desk.documents["outbox"].find()]
        assert desk.documents["outbox"].count_documents({"available_at": {"$gt": now}}) == 0
    else:
        with desk.database(context) as database:
            query = "SELECT queue, actor, payload FROM outbox WHERE available_at <= now() AND message_count = 1"
            rows = database.execute(query).fetchall()
    found = []
    for queue, actor, payload in rows:
        (message,) = orjson.loads(payload)
        found.append((queue, actor, message))
    return found
