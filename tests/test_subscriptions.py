"""Everything that is said is heard, and every actor is spoken to."""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import dramatiq
import pytest

import contexts.messages
from actors.runtime.broker import BROKER
from actors.scheduler import SCHEDULE
from contexts.catalog.messages import PutProduct, ShowProduct
from contexts.coordination.definitions import SAGAS
from contexts.coordination.messages import (
    CancelOrder,
    Intervention,
    ResumeJourney,
    RetryStep,
    ReverseJourney,
    ShowJourney,
)
from contexts.delivery.messages import ShowShipment
from contexts.inventory.messages import ReceiveStock, ShowStock
from contexts.messages import Command, Destination, Event, JourneyEvent, Message, Query
from contexts.notifications.messages import PutPreferences, PutTemplate
from contexts.orders.messages import OrderClosed, PlaceOrder, ShowOrder
from contexts.subscriptions import CONTEXTS, LISTENERS, QUEUES, actor_address, destinations
from tests.contexts.examples import an_order

ACTORS = {queue: getattr(import_module(f"actors.{queue}"), queue.upper()) for queue in QUEUES}
KNOWN: list[type[Message]] = list(contexts.messages._KNOWN.values())

#: What is never sent as it is: only what is made of it is.
HEARD_BY_NOBODY = {OrderClosed}
SENT_BY_NOBODY = {Intervention}

#: What comes from the front door, and from the scripts that set a shop up.
FROM_OUTSIDE: set[type[Message]] = {
    *(PlaceOrder, CancelOrder, ShowProduct, ShowStock, ShowOrder, ShowJourney, ShowShipment)
}
FROM_SCRIPTS: set[type[Message]] = {PutProduct, ReceiveStock, PutTemplate, PutPreferences}
FROM_OPERATORS: set[type[Message]] = {ResumeJourney, RetryStep, ReverseJourney}
FROM_THE_CLOCK: set[type[Message]] = {type(tick.command(datetime.now(UTC))) for tick in SCHEDULE}


def sent_by_the_sagas() -> Iterator[type[Message]]:
    order = an_order()
    for saga in SAGAS:
        for step in saga.steps:
            yield type(step.asked(order, "test"))
            if step.compensation:
                yield type(step.compensation.command(order))
        yield type(saga.close_undone(order, "test"))


def handled() -> list[Any]:
    """Every actor as (queue, message, destination)."""
    return [
        pytest.param(queue, message, handler.destination, id=handler.destination.actor)
        for queue, module in ACTORS.items()
        for message, handler in module.handlers.items()
    ]


@pytest.mark.parametrize("event", [kind for kind in KNOWN if issubclass(kind, Event)], ids=lambda kind: kind.wire_name)
def test_every_event_is_heard_or_known_to_be_heard_by_nobody(event: type[Event]) -> None:
    assert bool(list(destinations(event))) is (event not in HEARD_BY_NOBODY)


@pytest.mark.parametrize(
    "message", [kind for kind in KNOWN if kind not in SENT_BY_NOBODY], ids=lambda kind: kind.wire_name
)
def test_wherever_a_message_is_sent_an_actor_takes_it(message: type[Message]) -> None:
    taken = {handler.destination for module in ACTORS.values() for handler in module.handlers.values()}

    assert set(destinations(message)) <= taken


@pytest.mark.parametrize(("queue", "message", "destination"), handled())
def test_every_actor_is_spoken_to(queue: str, message: type[Message], destination: Destination) -> None:
    assert destination in destinations(message)
    if not issubclass(message, Event):
        assert message in {
            *sent_by_the_sagas(),
            *FROM_OUTSIDE,
            *FROM_SCRIPTS,
            *FROM_OPERATORS,
            *FROM_THE_CLOCK,
        }


@pytest.mark.parametrize(("queue", "message", "destination"), handled())
def test_every_handler_is_a_dramatiq_actor_on_its_process_type_s_queue(
    queue: str, message: type[Message], destination: Destination
) -> None:
    actor: dramatiq.Actor[..., Any] = BROKER.get_actor(destination.actor)

    assert actor.queue_name == destination.queue == (f"{queue}.queries" if issubclass(message, Query) else queue)
    assert actor.actor_name == f"{ACTORS[queue].name}.{message.actor_name}"


def test_there_is_no_other_actor() -> None:
    known = {handler.destination.actor for module in ACTORS.values() for handler in module.handlers.values()}

    assert set(BROKER.actors) == known


def test_coordination_hears_everything_that_moves_a_journey_of_any_saga() -> None:
    for event in SAGAS.listens_to():
        assert actor_address("coordination", event) in destinations(event), event.wire_name


def test_only_events_have_listeners_and_all_of_them_are_contexts() -> None:
    assert all(issubclass(event, Event) for event in LISTENERS)
    assert {context for listeners in LISTENERS.values() for context in listeners} <= set(CONTEXTS)
    assert all(len(set(listeners)) == len(listeners) for listeners in LISTENERS.values())


@pytest.mark.parametrize(
    "command", [kind for kind in KNOWN if issubclass(kind, Command | Query)], ids=lambda kind: kind.wire_name
)
def test_a_command_and_a_query_go_to_the_context_they_are_named_after_and_nowhere_else(command: type[Message]) -> None:
    (destination,) = destinations(command)

    assert destination.actor.split(".")[0] == command.context


def test_two_actors_never_share_a_name() -> None:
    named = [destination for message in KNOWN for destination in destinations(message)]

    assert len(named) == len(set(named))


def test_every_event_of_a_journey_names_its_order() -> None:
    for kind in KNOWN:
        if issubclass(kind, JourneyEvent):
            assert kind.model_fields["order_id"].is_required()
