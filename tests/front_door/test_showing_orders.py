"""An order is shown as three contexts tell it, as far as they can be heard."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from contexts.views import View

ORDER: dict[str, Any] = {
    "order_number": "FV-1",
    "status": "COMPLETED",
    "currency": "USD",
    "total": "25.98",
    "customer_id": "c",
    "customer_email": "ja***@example.com",
    "customer_phone": "***4477",
    "lines": [{"sku": "CD-1", "quantity": 2}],
    "payments": [{"status": "CAPTURED", "card": "**** 4242"}],
    "rejection_reason": None,
    "created_at": "2024-01-01T00:00:00Z",
    "completed_at": "2024-01-01T00:00:01Z",
    "metadata": {},
}
SHIPMENT = {"shipment_id": "s", "status": "SCHEDULED", "carrier": "SANDBOX", "tracking_number": "T1", "tracking": []}
JOURNEY = {
    "status": "COMPLETED",
    "current_step": None,
    "timeline": [{"at": "2024-01-01T00:00:00Z", "what": "started", "step": None, "reason": None}],
}


@pytest.fixture
def order_id() -> UUID:
    """The order that is looked at."""
    return uuid4()


def view(part: str, order_id: UUID, body: dict[str, Any]) -> View:
    """Return the one part that a context owns."""
    return View(part, str(order_id), part, 1, body)


def assert_whole(content: dict[str, Any]) -> None:
    """All three parts are in the answer."""
    assert (content["status"], content["total"], content["order_number"]) == ("COMPLETED", "25.98", "FV-1")
    assert content["customer"] == {"id": "c", "email": "ja***@example.com", "phone": "***4477"}
    assert (ORDER["lines"], ORDER["payments"]) == (content["lines"], content["payments"])
    assert (SHIPMENT, JOURNEY["timeline"]) == (content["shipment"], content["timeline"])
    assert content["journey"] == {"status": "COMPLETED", "current_step": None, "return": None}
    assert "incomplete" not in content


def test_an_order_whose_parts_are_kept_is_shown_without_a_question(door: Any, views: Any, order_id: UUID) -> None:
    for part, body in (("order", ORDER), ("shipment", SHIPMENT), ("journey", JOURNEY)):
        views.keep(part, order_id, part, body)

    answer = door.get(f"/v1/orders/{order_id}")

    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert_whole(answer.content)
    assert [door.queued(f"{context}.queries") for context in ("orders", "delivery", "coordination")] == [[], [], []]


def test_parts_that_are_not_kept_are_asked_of_their_owners(door: Any, owner: Any, order_id: UUID) -> None:
    orders = owner("orders", view("order", order_id, ORDER))
    owner("delivery", view("shipment", order_id, SHIPMENT))
    owner("coordination", view("journey", order_id, JOURNEY))

    answer = door.get(f"/v1/orders/{order_id}")

    assert_whole(answer.content)
    assert [query.order_id for query in orders.asked] == [order_id]


def test_an_order_without_a_shipment_yet_is_shown_with_none(door: Any, owner: Any, views: Any, order_id: UUID) -> None:
    views.keep("order", order_id, "order", ORDER)
    views.keep("journey", order_id, "journey", JOURNEY)
    owner("delivery")

    content = door.get(f"/v1/orders/{order_id}").content

    assert content["shipment"] is None
    assert "incomplete" not in content


def test_an_order_is_shown_without_the_parts_whose_owners_are_silent(door: Any, owner: Any, order_id: UUID) -> None:
    owner("orders", view("order", order_id, ORDER))
    owner("coordination", view("journey", order_id, JOURNEY))

    answer = door.get(f"/v1/orders/{order_id}")

    assert (answer.status, answer.content["incomplete"]) == (200, ["shipment"])
    assert (None, JOURNEY["timeline"]) == (answer.content["shipment"], answer.content["timeline"])


def test_an_unknown_order_is_not_found_and_nobody_silent_is_waited_for(door: Any, owner: Any, order_id: UUID) -> None:
    owner("orders")

    answer = door.get(f"/v1/orders/{order_id}")

    assert (answer.status, answer.content["type"]) == (404, "/problems/not-found")


def test_an_order_accepted_a_moment_ago_is_shown_as_accepted(door: Any, product: UUID, owner: Any) -> None:
    owner("orders")
    location = door.post(door.an_order((product, 1))).headers["Location"]

    answer = door.get(location)

    assert (answer.status, answer.content["status"]) == (200, "ACCEPTED")
    assert (answer.content["lines"], answer.content["timeline"], answer.content["shipment"]) == ([], [], None)


def test_orders_being_silent_is_a_time_out(door: Any, order_id: UUID) -> None:
    answer = door.get(f"/v1/orders/{order_id}")

    assert (answer.status, answer.content["type"]) == (504, "/problems/no-answer-in-time")


def test_many_questions_at_once_each_get_their_own_answer(door: Any, owner: Any) -> None:
    order_ids = [uuid4() for _ in range(100)]
    for context, part, body in (
        ("orders", "order", ORDER),
        ("delivery", "shipment", SHIPMENT),
        ("coordination", "journey", JOURNEY),
    ):
        owner(context, *(view(part, order_id, {**body, "order_number": str(order_id)}) for order_id in order_ids))

    answers = door.ask_all(*(("GET", f"/v1/orders/{order_id}", {}) for order_id in order_ids))

    assert [answer.content["order_number"] for answer in answers] == [str(order_id) for order_id in order_ids]
    assert all("incomplete" not in answer.content for answer in answers)
