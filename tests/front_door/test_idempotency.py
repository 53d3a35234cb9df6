"""One key is one order, whatever is lost on the way."""

from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
import redis


def test_the_same_request_again_is_the_same_order_and_says_so(door: Any, product: UUID) -> None:
    first, second = (door.post(door.an_order((product, 1))) for _ in range(2))

    stamped = [stamped for _, stampeds in door.queued() for stamped in stampeds]
    assert (first.status, second.status) == (202, 202)
    assert first.content == second.content
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len({message.id for message in stamped}) == 1


def test_the_order_of_the_members_does_not_matter(door: Any, product: UUID) -> None:
    order = door.an_order((product, 1))
    door.post(order)

    assert door.post(dict(reversed(order.items()))).status == 202


def test_the_same_key_with_another_body_is_refused_and_not_enqueued(door: Any, product: UUID) -> None:
    door.post(door.an_order((product, 1)))
    door.queued()

    answer = door.post(door.an_order((product, 2)))

    assert (answer.status, answer.content["type"]) == (422, "/problems/idempotency-key-reused")
    assert answer.pointers() == [""]
    assert door.queued() == []


def test_of_two_bodies_that_come_together_under_one_key_only_one_is_enqueued(door: Any, product: UUID) -> None:
    answers = door.ask_all(*(door.posting(door.an_order((product, quantity))) for quantity in (1, 2, 3, 4)))

    assert sorted(answer.status for answer in answers) == [202, 422, 422, 422]
    assert len([stamped for _, stampeds in door.queued() for stamped in stampeds]) == 1


def test_of_two_bodies_that_come_together_the_one_that_was_taken_keeps_the_key(door: Any, product: UUID) -> None:
    orders = [door.an_order((product, quantity)) for quantity in (1, 2, 3, 4)]
    answers = door.ask_all(*map(door.posting, orders))
    (taken,) = (order for order, answer in zip(orders, answers, strict=True) if answer.status == 202)

    again = door.post(taken)

    assert (again.status, again.headers["Idempotent-Replayed"]) == (202, "true")


def test_another_key_is_another_order(door: Any, product: UUID) -> None:
    first, second = (door.post(door.an_order((product, 1)), key=key) for key in ("one", "two"))

    assert first.content["order_id"] != second.content["order_id"]


@pytest.mark.parametrize("customer", [{"email": "jane@example.com"}, {"id": str(uuid4()), "email": "jane@exmaple.com"}])
def test_correcting_the_customer_under_the_same_key_makes_no_second_order(
    door: Any, product: UUID, customer: dict[str, str]
) -> None:
    door.post(door.an_order((product, 1), customer={"email": "jane@exmaple.com"}))
    door.queued()

    corrected = door.post(door.an_order((product, 1), customer=customer))

    assert (corrected.status, corrected.content["type"]) == (422, "/problems/idempotency-key-reused")
    assert door.queued() == []


def test_with_the_fingerprint_lost_a_corrected_customer_still_makes_no_second_order(
    door: Any, product: UUID, redis_url: str
) -> None:
    first = door.post(door.an_order((product, 1), customer={"email": "jane@exmaple.com"}))
    with redis.Redis.from_url(redis_url) as client:
        client.delete(f"firstviscount:idempotency:{first.content['order_id']}")

    second = door.post(door.an_order((product, 1), customer={"email": "jane@example.com"}))

    assert first.content["order_id"] == second.content["order_id"]
    assert len({stamped.id for _, stampeds in door.queued() for stamped in stampeds}) == 1


def test_with_everything_in_redis_lost_a_repeated_request_is_still_the_same_order(
    door: Any, product: UUID, redis_url: str, views: Any
) -> None:
    first = door.post(door.an_order((product, 1)))
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    views.keep_on_sale(product)

    second = door.post(door.an_order((product, 1)))

    assert first.content["order_id"] == second.content["order_id"]
    assert len({stamped.id for _, stampeds in door.queued() for stamped in stampeds}) == 1


def test_an_order_that_was_refused_can_be_mended_under_the_same_key(door: Any, product: UUID, owner: Any) -> None:
    owner("catalog")
    refused = door.post(door.an_order((uuid4(), 1)))

    mended = door.post(door.an_order((product, 1)))

    assert (refused.status, mended.status) == (422, 202)


def test_an_order_accepted_before_is_accepted_again_when_its_product_is_no_longer_on_sale(
    door: Any, product: UUID, views: Any
) -> None:
    door.post(door.an_order((product, 1)))
    views.keep_on_sale(product, status="DISCONTINUED")

    answer = door.post(door.an_order((product, 1)))

    assert (answer.status, answer.headers["Idempotent-Replayed"]) == (202, "true")


def test_an_order_stands_where_the_time_of_its_key_puts_it_whatever_is_lost(
    door: Any, product: UUID, redis_url: str, views: Any
) -> None:
    keys = [f"01a21526-e40{digit}-7abc-9def-0123456789ab" for digit in "09f"]
    ids = [UUID(door.post(door.an_order((product, 1)), key=key).content["order_id"]) for key in keys]
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    views.keep_on_sale(product)
    again = [UUID(door.post(door.an_order((product, 1)), key=key).content["order_id"]) for key in keys]

    assert [one.hex[:12] for one in ids] == [f"01a21526e40{digit}" for digit in "09f"]
    assert {one.version for one in ids} == {7}
    assert again == ids


def test_two_keys_of_one_moment_are_two_orders(door: Any, product: UUID) -> None:
    key = "01a21526-e400-7abc-9def-0123456789a"
    ids = {door.post(door.an_order((product, 1)), key=key + digit).content["order_id"] for digit in "0aA"}

    assert len(ids) == 3


@pytest.mark.parametrize(
    "key",
    [
        "01a21526-e400-4abc-9def-0123456789ab",
        "01a21526-e400-7abc-cdef-0123456789ab",
        "01a21526-e400-7abc-9def-0123456789ab-1",
        "01a21526e4007abc9def0123456789ab",
        "01a21526-e3ff-7abc-9def-0123456789ab",
        "7",
    ],
)
def test_a_key_that_tells_no_time_or_an_older_one_makes_the_id_that_it_always_made(
    door: Any, product: UUID, key: str
) -> None:
    first, second = (UUID(door.post(door.an_order((product, 1)), key=key).content["order_id"]) for _ in range(2))

    assert (first, first.version) == (second, 5)
    assert first == uuid5(uuid5(UUID("e2a7c1de-6a0f-4d4c-9a39-0f9a3d8f5c11"), "anonymous"), key)


def test_the_fingerprint_is_kept_for_a_day(door: Any, product: UUID, redis_url: str) -> None:
    order_id = door.post(door.an_order((product, 1))).content["order_id"]

    with redis.Redis.from_url(redis_url) as client:
        seconds = client.ttl(f"firstviscount:idempotency:{order_id}")
    assert 24 * 3600 - 60 < seconds <= 24 * 3600
