"""A valid order becomes one durable command for the orders context."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contexts.orders.messages import PlaceOrder


def the_command(door: Any) -> PlaceOrder:
    """Return the one command in the queue."""
    ((_, (stamped,)),) = door.queued()
    assert isinstance(stamped.body, PlaceOrder)
    return stamped.body


def test_an_order_is_answered_with_its_address_and_one_command_waits_for_the_orders_actor(
    door: Any, product: UUID
) -> None:
    answer = door.post(door.an_order((product, 2)), traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")

    ((envelope, (stamped,)),) = door.queued()
    order_id = answer.content["order_id"]
    assert (202, f"/v1/orders/{order_id}") == (answer.status, answer.headers["Location"])
    assert answer.content == {"order_id": order_id, "status": "ACCEPTED", "location": f"/v1/orders/{order_id}"}
    assert "Idempotent-Replayed" not in answer.headers
    assert (envelope["queue_name"], envelope["actor_name"]) == ("orders", "orders.place_order")
    assert (order_id, order_id) == (str(stamped.correlation_id), str(stamped.body.order_id))
    assert stamped.traceparent == "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    assert stamped.causation_id is None


def test_billing_goes_to_the_shipping_address_unless_the_client_says_otherwise(door: Any, product: UUID) -> None:
    door.post(door.an_order((product, 1)))
    command = the_command(door)
    assert (command.shipping_address, "Jane Roe") == (command.billing_address, command.billing_address.name)

    elsewhere = {**door.an_order()["shipping_address"], "name": "ACME Accounting"}
    door.post(door.an_order((product, 1), billing_address=elsewhere), key="key-2")
    command = the_command(door)
    assert (command.billing_address.name, command.shipping_address.name) == ("ACME Accounting", "Jane Roe")


def test_lines_for_the_same_product_are_summed(door: Any, on_sale: Callable[..., UUID]) -> None:
    first, second = on_sale(), on_sale()

    door.post(door.an_order((first, 2), (second, 1), (first, 3)))

    assert [(line.product_id, line.quantity) for line in the_command(door).lines] == [(first, 5), (second, 1)]


def test_a_customer_without_an_id_is_known_by_the_email_however_it_is_written(door: Any, product: UUID) -> None:
    customers = []
    for key, email in (("a", "Jane@Example.com"), ("b", "jane@example.com"), ("c", "john@example.com")):
        assert door.post(door.an_order((product, 1), customer={"email": email}), key=key).status == 202
        customers.append(the_command(door).customer)

    assert customers[0].id == customers[1].id != customers[2].id
    assert customers[0].email == "Jane@Example.com"


def test_a_customer_with_an_id_keeps_it(door: Any, product: UUID) -> None:
    identity = uuid4()

    door.post(door.an_order((product, 1), customer={"id": str(identity), "email": "j@example.com", "phone": "+1 555"}))

    customer = the_command(door).customer
    assert (identity, "+1 555") == (customer.id, customer.phone)


def test_a_product_that_is_not_kept_is_asked_for(door: Any, owner: Any, views: Any) -> None:
    known = [uuid4(), uuid4()]
    catalog = owner("catalog", *(views.catalog(product_id) for product_id in known))

    answer = door.post(door.an_order(*((product_id, 1) for product_id in known)))

    assert answer.status == 202
    assert {query.product_id for query in catalog.asked} == set(known)
    assert len(door.queued()) == 1


def test_only_a_price_that_holds_counts_towards_the_total(door: Any, on_sale: Callable[..., UUID], views: Any) -> None:
    dear = views.price("99999999.00", begins=timedelta(hours=1))
    over = views.price("99999999.00", ends=timedelta(seconds=-1))
    product = on_sale(prices=[dear, views.price("1.00", ends=timedelta(hours=1)), over])

    assert door.post(door.an_order((product, 2))).status == 202


def test_orders_that_come_together_share_envelopes_and_each_is_there_once(door: Any, product: UUID) -> None:
    requests = [door.posting(door.an_order((product, 1)), key=f"key-{number}") for number in range(200)]

    answers = door.ask_all(*requests)

    envelopes = door.queued()
    queued = [str(stamped.correlation_id) for _, stampeds in envelopes for stamped in stampeds]
    assert {answer.status for answer in answers} == {202}
    assert sorted(queued) == sorted(answer.content["order_id"] for answer in answers)
    assert len(set(queued)) == 200
    assert len(envelopes) < 200


@pytest.mark.parametrize("name", ['Zoë "Zo" O\'Neil', "back\\slash", "张伟"])
def test_names_of_all_kinds_arrive_as_they_were_written(door: Any, product: UUID, name: str) -> None:
    address = {**door.an_order()["shipping_address"], "name": name}

    assert door.post(door.an_order((product, 1), shipping_address=address)).status == 202

    assert the_command(door).shipping_address.name == name
