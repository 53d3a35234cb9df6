"""Answers to every step of every saga, with all fields filled in."""

from typing import Any
from uuid import UUID

from contexts.delivery.messages import CancellationRefused, RecallRefused
from contexts.messages import JourneyEvent
from contexts.orders.messages import PaymentRefunded
from tests.contexts.examples import an_answer

_OF_THE_WAY_BACK: dict[type[JourneyEvent], dict[str, Any]] = {
    CancellationRefused: {"code": "in_transit"},
    RecallRefused: {"code": "in_transit"},
    PaymentRefunded: {"payment_id": UUID(int=2), "amount_minor": 2498},
}


def an_answer_to(kind: type[JourneyEvent], order_id: UUID) -> JourneyEvent:
    """An event in the journey of an order, or in its way back."""
    fields = _OF_THE_WAY_BACK.get(kind)
    return kind(order_id=order_id, **fields) if fields else an_answer(kind, order_id)
