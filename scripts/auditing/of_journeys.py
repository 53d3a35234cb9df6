"""Checks of an order against its journeys, and of its rows against its events."""

from collections import Counter
from collections.abc import Iterator

from auditing.facts import JourneyFact, OrderFacts
from auditing.rebuilding import differences
from auditing.report import Violation
from contexts.orders.model import NOT_ON_SALE, TOO_LARGE

PLACE, RETURN = "place_order", "return_order"

#: An order rejected for one of these never had a journey.
WITHOUT_JOURNEY = frozenset({NOT_ON_SALE, TOO_LARGE})

#: A journey in one of these has ended.
ENDED = frozenset({"COMPLETED", "UNDONE"})


def nothing_without_an_order(facts: OrderFacts) -> Iterator[Violation]:
    """What any store or provider has of an order, the orders context has too: it was told of it first."""
    if facts.order is not None:
        return
    found = {
        "journey": ("coordination has", [f"{one.saga} {one.status}" for one in facts.journeys]),
        "reservation": ("inventory holds", [f"{one.quantity} {one.status}" for one in facts.holds]),
        "movement": ("the ledger has", [f"{units} {kind}" for (kind, _, _), units in facts.moved.items()]),
        "release": ("inventory has", ["a release"] if facts.was_released else []),
        "shipment": ("delivery has", [one.status for one in facts.shipments]),
        "notification": ("notifications has", [f"{one.event_type} {one.status}" for one in facts.told]),
        "charge": ("the gateway has", [one.state for one in facts.charges or () if one.is_alive]),
        "label": ("the carrier has", [one.state for one in facts.labels or () if one.is_alive]),
    }
    for thing, (who, what) in found.items():
        if what:
            yield Violation(
                f"{thing}_without_order", f"{who} {', '.join(what)}", "orders has no such order", facts.order_id
            )


def every_order_is_somewhere(facts: OrderFacts) -> Iterator[Violation]:
    """An order that is asked for by its id is known."""
    known = (facts.journeys, facts.holds, facts.moved, facts.was_released, facts.shipments, facts.told)
    if facts.is_named and facts.order is None and not any(known) and not facts.charges and not facts.labels:
        yield Violation("order_missing", "it was asked for by its id", "no store knows it", facts.order_id)


def one_journey_a_kind(facts: OrderFacts) -> Iterator[Violation]:
    """An order has one journey, and at most one return."""
    for saga, count in Counter(one.saga for one in facts.journeys).items():
        if count > 1:
            yield Violation("second_journey", "an order goes once", f"coordination has {count} {saga}", facts.order_id)


def audit_trail_is_whole(facts: OrderFacts) -> Iterator[Violation]:
    """Every move of a journey is an event: as many as its version, without a gap."""
    for one in facts.journeys:
        if not one.events == one.last_sequence == one.version:
            says = f"{one.saga} is at version {one.version}"
            but = f"its trail has {one.events} events, the last is number {one.last_sequence}"
            yield Violation("journey_events_disagree", says, but, facts.order_id)


def operators_see_the_end(facts: OrderFacts) -> Iterator[Violation]:
    """The workflow of a journey that has ended says so."""
    for one in facts.journeys:
        if one.status in ENDED and one.workflow != one.status:
            says, but = f"{one.saga} is {one.status}", f"its workflow is {one.workflow}"
            yield Violation("workflow_disagrees", says, but, facts.order_id)


def what_ended_has_its_time(facts: OrderFacts) -> Iterator[Violation]:
    """A workflow that has ended says when, and one that has not does not."""
    for one in facts.journeys:
        if one.workflow is not None and (one.workflow in ENDED) != (one.completed_at is not None):
            says, but = f"the workflow of {one.saga} is {one.workflow}", f"its completed_at is {one.completed_at}"
            yield Violation("workflow_disagrees", says, but, facts.order_id)


def events_replay_to_rows(facts: OrderFacts) -> Iterator[Violation]:
    """An order's events, and its payment's, come to what the rows say."""
    for one in differences(facts) if facts.order else ():
        says, but = f"the {one.of}'s {one.field} is {one.row}", f"its events come to {one.events}"
        yield Violation(f"{one.of}_events_disagree", says, but, facts.order_id)


def total_is_the_lines_sum(facts: OrderFacts) -> Iterator[Violation]:
    """An order costs what its lines cost."""
    summed = sum(line.total_minor for line in facts.lines)
    if facts.order and facts.order.total_minor != summed:
        says = f"the order's total is {facts.order.total_minor}"
        yield Violation("total_disagrees", says, f"its lines come to {summed}", facts.order_id)


def order_and_journey_agree(facts: OrderFacts) -> Iterator[Violation]:
    """An order is what its journey came to, and returned if its return came to its end."""
    if facts.order is None:
        return
    place, back = facts.journey(PLACE), facts.journey(RETURN)
    says = f"the order is {facts.order.status}{_because(facts.order.reason)}"
    if place is None:
        if facts.order.status != "REJECTED" or facts.order.reason not in WITHOUT_JOURNEY:
            yield Violation("order_without_journey", says, "coordination has no journey of it", facts.order_id)
    elif (facts.order.status, facts.order.reason) != _outcome(place, back):
        but = ", ".join(f"{one.saga} is {one.status}{_because(one.reason)}" for one in (place, back) if one)
        yield Violation("journey_disagrees", says, but, facts.order_id)


def _outcome(place: JourneyFact, back: JourneyFact | None) -> tuple[str | None, str | None]:
    """Return the status and the reason of rejection that an order has after its journeys."""
    if place.status == "UNDONE":
        return ("REJECTED", place.reason) if back is None else (None, None)
    came_back = back is not None and back.status == "COMPLETED"
    return "RETURNED" if came_back else "COMPLETED", None


def _because(reason: str | None) -> str:
    return f" ({reason})" if reason else ""


ALWAYS = (
    nothing_without_an_order,
    one_journey_a_kind,
    audit_trail_is_whole,
    operators_see_the_end,
    what_ended_has_its_time,
    events_replay_to_rows,
    total_is_the_lines_sum,
)
IN_THE_END = (every_order_is_somewhere, order_and_journey_agree)
