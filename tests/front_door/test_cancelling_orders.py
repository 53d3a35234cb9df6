"""A cancellation is handed over once for an order that somebody knows and that has not ended."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contexts.coordination.messages import CancelOrder
from contexts.identity import part
from contexts.views import View

ORDER: dict[str, Any] = {
    "order_number": "FV-1",
    "status": "PENDING",
    "currency": "USD",
    "total": "25.98",
    "customer_id": "c",
    "customer_email": "ja***@example.com",
    "lines": [{"sku": "CD-1", "quantity": 2}],
    "payments": [],
}
JOURNEY = {"status": "RUNNING", "current_step": "pay", "timeline": []}


def keep(views: Any, **changes: Any) -> UUID:
    """Keep every part of an order's view; return the order."""
    order_id = uuid4()
    for name, body in (("order", ORDER | changes), ("shipment", {"status": "SCHEDULED"}), ("journey", JOURNEY)):
        views.keep(name, order_id, name, body)
    return order_id


def cancelling(order_id: object, content: object = None, **headers: str) -> tuple[str, str, dict[str, Any]]:
    """Return the request: bytes as they are, everything else but None as JSON."""
    path = f"/v1/orders/{order_id}/cancellation"
    if content is None:
        return "POST", path, {"headers": headers}
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    all_headers = {"Content-Type": "application/json", **{name.replace("_", "-"): v for name, v in headers.items()}}
    return "POST", path, {"data": data, "headers": all_headers}


def cancel(door: Any, order_id: object, content: object = None, **headers: str) -> Any:
    (answer,) = door.ask_all(cancelling(order_id, content, **headers))
    return answer


def handed_over(door: Any) -> list[Any]:
    """Take every message to coordination out of its queue."""
    return [stamped for _, messages in door.queued("coordination") for stamped in messages]


def test_a_cancellation_is_handed_over_and_answered_with_the_order(door: Any, views: Any) -> None:
    order_id = keep(views)

    answer = cancel(door, order_id, {"reason": "Ich mag's nicht mehr"})

    assert (answer.status, answer.headers["Location"]) == (202, f"/v1/orders/{order_id}")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content == door.get(f"/v1/orders/{order_id}").content
    assert (answer.content["order_id"], answer.content["status"]) == (str(order_id), "PENDING")
    ((envelope, (stamped,)),) = door.queued("coordination")
    assert envelope["actor_name"] == "coordination.cancel_order"
    assert stamped.body == CancelOrder(order_id=order_id, reason="Ich mag's nicht mehr")
    assert (stamped.correlation_id, stamped.causation_id) == (order_id, None)


@pytest.mark.parametrize("content", [None, b"", {}, {"reason": ""}])
def test_a_cancellation_needs_no_reason(door: Any, views: Any, content: object) -> None:
    order_id = keep(views)

    assert cancel(door, order_id, content).status == 202

    assert [stamped.body for stamped in handed_over(door)] == [CancelOrder(order_id=order_id)]


def test_a_cancellation_that_is_repeated_is_the_same_message(door: Any, views: Any) -> None:
    order_id, other = keep(views), keep(views)

    answers = [cancel(door, order_id, {"reason": words}) for words in ("first", "second")]
    answers.append(cancel(door, other))

    assert [answer.status for answer in answers] == [202] * 3
    assert [stamped.id for stamped in handed_over(door)] == [
        part(order_id, "cancellation"),
        part(order_id, "cancellation"),
        part(other, "cancellation"),
    ]


def test_a_cancellation_belongs_to_the_client_s_trace(door: Any, views: Any) -> None:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    cancel(door, keep(views), {}, traceparent=traceparent)

    assert [stamped.traceparent for stamped in handed_over(door)] == [traceparent]


@pytest.mark.parametrize("status", ["PENDING", "COMPLETED"])
def test_what_has_not_ended_can_be_cancelled(door: Any, views: Any, status: str) -> None:
    assert cancel(door, keep(views, status=status)).status == 202

    assert len(handed_over(door)) == 1


@pytest.mark.parametrize("status", ["REJECTED", "RETURNED"])
def test_what_has_ended_cannot_be_cancelled(door: Any, views: Any, status: str) -> None:
    order_id = keep(views, status=status)

    answer = cancel(door, order_id)

    assert (answer.status, answer.content["type"]) == (409, "/problems/order-already-ended")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert str(order_id) in answer.content["detail"]
    assert handed_over(door) == []


def test_what_was_told_that_it_cannot_come_back_cannot_be_cancelled_again(door: Any, views: Any) -> None:
    order_id = keep(views, status="COMPLETED", return_refusal="in_transit")

    answer = cancel(door, order_id)

    assert (answer.status, answer.content["type"]) == (409, "/problems/order-already-ended")
    assert answer.content["detail"] == f"Order {order_id} cannot come back: in_transit."
    assert handed_over(door) == []


def test_an_order_that_nobody_knows_is_not_found(door: Any, owner: Any) -> None:
    owner("orders")

    for order_id in (uuid4(), "17"):
        answer = cancel(door, order_id)
        assert (answer.status, answer.content["type"]) == (404, "/problems/not-found")
    assert handed_over(door) == []


def test_an_order_that_is_not_kept_is_asked_of_its_owner(door: Any, owner: Any) -> None:
    order_id = uuid4()
    orders = owner("orders", View("order", str(order_id), "order", 1, ORDER))
    for context in ("delivery", "coordination"):
        owner(context)

    answer = cancel(door, order_id)

    assert (answer.status, answer.content["status"]) == (202, "PENDING")
    assert [query.order_id for query in orders.asked] == [order_id]


def test_an_order_accepted_a_moment_ago_can_be_cancelled(door: Any, product: UUID, owner: Any) -> None:
    owner("orders")
    order_id = door.post(door.an_order((product, 1))).content["order_id"]

    answer = cancel(door, order_id)

    assert (answer.status, answer.content["status"]) == (202, "ACCEPTED")
    assert [str(stamped.correlation_id) for stamped in handed_over(door)] == [order_id]


def test_a_cancellation_does_not_wait_for_those_who_are_silent_to_be_handed_over(
    door: Any, owner: Any, views: Any
) -> None:
    order_id = uuid4()
    views.keep("order", order_id, "order", ORDER)
    views.keep("journey", order_id, "journey", JOURNEY)

    answer = cancel(door, order_id)

    assert (answer.status, answer.content["incomplete"]) == (202, ["shipment"])
    (stamped,) = handed_over(door)
    assert datetime.now(UTC) - stamped.occurred_at > timedelta(seconds=2), "it was handed over first, then waited for"


@pytest.mark.parametrize(
    ("content", "pointers"),
    [
        ({"reason": "x" * 501}, ["/reason"]),
        ({"reason": 7}, ["/reason"]),
        ({"reason": None}, ["/reason"]),
        ({"reason": "a\nb"}, ["/reason"]),
        ({"why": "late"}, ["/why"]),
        ([], [""]),
        (b"null", [""]),
    ],
)
def test_a_body_that_is_wrong_is_refused_and_the_member_named(
    door: Any, views: Any, content: object, pointers: list[str]
) -> None:
    answer = cancel(door, keep(views), content)

    assert (answer.status, answer.content["type"]) == (422, "/problems/invalid-cancellation")
    assert answer.pointers() == pointers
    assert handed_over(door) == []


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b'{"reason": "%s"}' % (b"x" * 70_000), "application/json", 413),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(
    door: Any, views: Any, content: bytes, content_type: str, status: int
) -> None:
    assert cancel(door, keep(views), content, Content_Type=content_type).status == status

    assert handed_over(door) == []


def test_a_reason_of_the_greatest_length_is_taken(door: Any, views: Any) -> None:
    assert cancel(door, keep(views), {"reason": "ž" * 500}).status == 202

    assert [stamped.body.reason for stamped in handed_over(door)] == ["ž" * 500]


def test_a_cancellation_is_posted_and_nothing_else(door: Any) -> None:
    answer = door.get(f"/v1/orders/{uuid4()}/cancellation")

    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_without_rabbitmq_no_cancellation_is_accepted(start_door: Any, views: Any) -> None:
    door = start_door("amqp://127.0.0.1:1/")
    kept = keep(views)

    answers = [cancel(door, order_id) for order_id in (kept, uuid4())]

    assert [(answer.status, answer.content["type"]) for answer in answers] == [(503, "/problems/unavailable")] * 2
    assert "send the same request again" in answers[0].content["detail"]
    assert all(answer.headers["Retry-After"] for answer in answers)
