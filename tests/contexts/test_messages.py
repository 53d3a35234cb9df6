"""The wire format: what is written is read again, and what is no message is told apart from what is."""

from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

import dramatiq
import orjson
import pytest
from dramatiq.encoder import Encoder
from dramatiq.message import get_encoder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import contexts.messages
from actors.runtime.broker import JsonEncoder
from contexts.inventory.messages import Line, ReleaseStock, ReserveStock, StockReserved
from contexts.messages import (
    Destination,
    Envelope,
    MalformedMessage,
    Message,
    Stamped,
    decode_all,
    first_cause,
    message_type,
    snake_case,
)
from contexts.orders.messages import PlaceOrder
from contexts.subscriptions import CONTEXTS

from .examples import NOW
from .message_strategies import aware_datetimes, instances

for _context in CONTEXTS:
    import_module(f"contexts.{_context}.messages")

KNOWN: dict[str, type[Message]] = dict(contexts.messages._KNOWN)
RESERVE = Destination("inventory", "inventory.reserve_stock")


def stamped(body: Message | None = None, **changes: Any) -> Stamped:
    body = body or ReserveStock(order_id=uuid4(), lines=(Line(product_id=uuid4(), quantity=1),))
    return first_cause(uuid4(), body, uuid4())._replace(**changes)


def fields(**changes: Any) -> dict[str, Any]:
    return stamped().to_dict() | changes


def test_a_message_is_named_after_its_context_itself_and_its_version() -> None:
    assert ReserveStock.wire_name == "inventory.ReserveStock.v1"
    assert ReserveStock.actor_name == "reserve_stock"
    assert message_type("inventory.ReserveStock.v1") is ReserveStock


def test_a_second_version_stands_beside_the_first() -> None:
    class ReserveStockV2(ReserveStock, name="ReserveStock", version=2):
        __module__ = "contexts.inventory.messages"

    try:
        assert ReserveStockV2.wire_name == "inventory.ReserveStock.v2"
        assert ReserveStockV2.actor_name == "reserve_stock_v2"
        assert message_type("inventory.ReserveStock.v1") is ReserveStock
    finally:
        del contexts.messages._KNOWN["inventory.ReserveStock.v2"]


def test_a_class_outside_a_context_s_messages_is_no_message_type() -> None:
    class Sketch(Message):
        pass

    assert Sketch not in contexts.messages._KNOWN.values()


@pytest.mark.parametrize(
    ("name", "snake"), [("ReserveStock", "reserve_stock"), ("ShowOrder", "show_order"), ("Place", "place")]
)
def test_an_actor_is_named_after_its_message_in_small_letters(name: str, snake: str) -> None:
    assert snake_case(name) == snake


def test_there_are_messages_of_every_context() -> None:
    assert {kind.context for kind in KNOWN.values()} == set(CONTEXTS)


@pytest.mark.parametrize("kind", KNOWN.values(), ids=KNOWN.keys())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_message_is_read_as_it_was_written(kind: type[Message], data: st.DataObject) -> None:
    written = Stamped(
        id=data.draw(st.uuids()),
        body=data.draw(instances(kind)),
        correlation_id=data.draw(st.uuids()),
        causation_id=data.draw(st.none() | st.uuids()),
        occurred_at=data.draw(aware_datetimes),
        attempt=data.draw(st.integers(0, 100)),
        traceparent=data.draw(st.none() | st.text(max_size=55)),
    )

    assert Stamped.from_dict(orjson.loads(written.to_json())) == written
    assert Stamped.from_dict(written.to_dict()) == written


def test_the_same_cause_and_consequences_give_the_same_ids() -> None:
    cause, order_id = stamped(), uuid4()
    consequences = [ReleaseStock(order_id=order_id, lines=()), StockReserved(order_id=order_id, expires_at=NOW)]

    once = cause.followed_by(consequences, NOW)
    again = cause.tried_again().followed_by(consequences, datetime.now(UTC))

    assert [one.id for one in once] == [one.id for one in again]
    assert len({cause.id, *(one.id for one in once)}) == 3


def test_another_cause_gives_other_ids() -> None:
    consequence = ReleaseStock(order_id=uuid4(), lines=())

    ids = [stamped().followed_by([consequence], NOW)[0].id for _ in range(2)]

    assert ids[0] != ids[1]


def test_consequences_for_different_orders_differ_whatever_their_sequence() -> None:
    cause = stamped()
    first, second = (ReleaseStock(order_id=uuid4(), lines=()) for _ in range(2))

    forwards = {one.correlation_id: one.id for one in cause.followed_by([first, second], NOW)}
    backwards = {one.correlation_id: one.id for one in cause.followed_by([second, first], NOW)}

    assert forwards == backwards
    assert len(set(forwards.values())) == 2


def test_two_consequences_of_one_kind_for_one_order_differ() -> None:
    consequence = ReleaseStock(order_id=uuid4(), lines=())

    first, second = stamped().followed_by([consequence, consequence], NOW)

    assert first.id != second.id


def test_a_consequence_names_its_cause_and_its_order_and_carries_the_trace_on() -> None:
    cause = stamped(traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", attempt=3)
    consequence = ReleaseStock(order_id=uuid4(), lines=())

    (following,) = cause.followed_by([consequence], NOW)

    assert following.causation_id == cause.id
    assert following.correlation_id == consequence.order_id
    assert following.traceparent == cause.traceparent
    assert (following.occurred_at, following.attempt) == (NOW, 0)


def test_a_failed_attempt_is_counted_and_changes_nothing_else() -> None:
    message = stamped()

    again = message.tried_again().tried_again()

    assert again.attempt == 2
    assert again._replace(attempt=0) == message
    assert Stamped.from_dict(again.to_dict()).attempt == 2


def test_fields_that_this_version_does_not_know_are_ignored() -> None:
    known = stamped()
    newer = known.to_dict()
    newer["priority"] = "high"
    newer["body"]["coupon"] = "SPRING"
    newer["body"]["lines"][0]["gift"] = True

    assert Stamped.from_dict(newer) == known


@pytest.mark.parametrize(
    "malformed",
    [
        fields(type="inventory.Juggle.v1"),
        fields(type="inventory.ReserveStock.v99"),
        fields(type=None),
        fields(type=["inventory.ReserveStock.v1"]),
        fields(body=None),
        fields(body=[]),
        fields(body={}),
        fields(body={"order_id": "7", "lines": []}),
        fields(body={"order_id": str(uuid4()), "lines": [{"product_id": str(uuid4()), "quantity": 0}]}),
        fields(id="7"),
        fields(id=None),
        fields(id=7),
        fields(correlation_id=None),
        fields(causation_id=7),
        fields(occurred_at="yesterday"),
        fields(occurred_at=None),
        fields(attempt="often"),
        fields(attempt=None),
        {},
        [],
        None,
        "message",
        7,
    ],
    ids=repr,
)
def test_what_is_no_message_is_malformed(malformed: Any) -> None:
    with pytest.raises(MalformedMessage):
        Stamped.from_dict(malformed)


@pytest.mark.parametrize("missing", ["id", "type", "occurred_at", "correlation_id", "causation_id", "attempt", "body"])
def test_a_message_without_a_part_of_its_stamp_is_malformed(missing: str) -> None:
    incomplete = fields()
    del incomplete[missing]

    with pytest.raises(MalformedMessage):
        Stamped.from_dict(incomplete)


def test_what_is_said_of_a_malformed_message_repeats_nothing_that_is_a_customer_s() -> None:
    body = {"order_id": str(uuid4()), "customer": {"email": "jane doe@shop.example"}, "shipping_address": "1 Long Road"}

    with pytest.raises(MalformedMessage) as told:
        Stamped.from_dict(fields(type=PlaceOrder.wire_name, body=body))

    assert "shipping_address" in str(told.value)
    for secret in ("jane", "Long Road"):
        assert secret not in str(told.value)


def test_a_message_without_a_trace_is_read() -> None:
    untraced = fields()
    del untraced["traceparent"]

    assert Stamped.from_dict(untraced).traceparent is None


def test_a_malformed_member_of_an_envelope_harms_no_other() -> None:
    first, last = stamped(), stamped()

    decoded = list(decode_all([first.to_dict(), fields(type="inventory.Juggle.v1"), last.to_dict()]))

    assert [decoded[0], decoded[2]] == [first, last]
    assert isinstance(decoded[1], MalformedMessage)
    assert "inventory.Juggle.v1" in str(decoded[1])


def test_the_runtime_s_encoder_is_the_one_in_use() -> None:
    encoder: Encoder = get_encoder()

    assert isinstance(encoder, JsonEncoder)


@pytest.mark.parametrize("members", [1, 3])
def test_an_envelope_is_a_dramatiq_message_for_its_actor(members: int) -> None:
    messages = [stamped() for _ in range(members)]
    identity = uuid4()

    wire = Envelope(RESERVE, tuple(one.to_json() for one in messages)).to_wire(identity, NOW)
    read: dramatiq.Message[Any] = dramatiq.Message.decode(wire)

    assert (read.queue_name, read.actor_name, read.message_id) == (RESERVE.queue, RESERVE.actor, str(identity))
    assert read.message_timestamp == int(NOW.timestamp() * 1000)
    assert (read.kwargs, read.options) == ({}, {})
    assert list(decode_all(read.args[0])) == messages


def test_envelopes_for_one_actor_are_joined_without_decoding_them() -> None:
    first, second = (Envelope(RESERVE, (stamped().to_json(), stamped().to_json())) for _ in range(2))

    joined = Envelope(RESERVE, first.messages + second.messages)

    read: dramatiq.Message[Any] = dramatiq.Message.decode(joined.to_wire(uuid4(), NOW))
    expected = [orjson.loads(one) for one in first.messages + second.messages]
    assert read.args == ([*expected],)


def test_a_message_cannot_be_changed() -> None:
    command = stamped().body

    with pytest.raises(ValueError, match="frozen"):
        command.order_id = UUID(int=1)  # type: ignore[attr-defined]


def test_a_command_with_too_many_lines_is_malformed() -> None:
    (order,) = [kind for kind in KNOWN.values() if kind is PlaceOrder]
    line = {"product_id": str(uuid4()), "quantity": 1}

    with pytest.raises(ValueError, match="at most 100"):
        order.model_validate({"lines": [line] * 101})
