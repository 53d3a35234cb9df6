"""`scripts/ops sagas`: what is stuck, what became of an order and of its return, and what an operator does about it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contexts.coordination.messages import CancelOrder, SweepDeadlines
from contexts.inventory.messages import StockUnavailable
from contexts.messages import JourneyEvent, Message
from contexts.orders.messages import SettleOrder
from persistence.coordination import JourneyTables
from tests.contexts.coordination.answers import an_answer_to
from tests.contexts.coordination.test_place_order import STRAIGHT
from tests.contexts.examples import an_order
from tests.persistence.transactions import loaded
from tests.persistence.virtual_host import eventually

from .operators_desk import ROOT, Desk, own_desk

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with own_desk() as desk:
        yield desk


@pytest.fixture
def worker(desk: Desk) -> Iterator[None]:
    """Coordination's worker, running."""
    with working(desk):
        yield


@contextmanager
def working(desk: Desk) -> Iterator[None]:
    environment = {**os.environ, **desk.variables, "LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-m", "actors", "coordination", "--threads", "2"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        eventually(lambda: desk.host.consumed({"coordination"}), 40)
        yield
    finally:
        process.terminate()
        process.wait(30)


def placed(desk: Desk, *kinds: type[JourneyEvent], ago: timedelta = HOUR, **changes: Any) -> UUID:
    """An order that was placed some time ago and had these answers."""
    order = an_order(**changes)
    at = datetime.now(UTC) - ago
    take(desk, at, order, *[an_answer_to(kind, order.order_id) for kind in kinds])
    return order.order_id


def take(desk: Desk, at: datetime, *messages: Message) -> None:
    with desk.store("coordination") as store:
        for message in messages:
            with loaded(store, JourneyTables, message) as journeys:
                if isinstance(message, CancelOrder):
                    list(journeys.cancel(message, at))
                elif isinstance(message, JourneyEvent):
                    list(journeys.receive(message, at))
                else:
                    list(journeys.overdue(at))


def stuck(desk: Desk, **changes: Any) -> UUID:
    """An order of which the settling was asked for twice for nothing; it is an hour since."""
    order_id = placed(desk, *STRAIGHT[:3], ago=4 * HOUR, **changes)
    for ago in (3, 1):
        at = datetime.now(UTC) - ago * HOUR
        take(desk, at, SweepDeadlines(at=at))
    return order_id


def test_what_is_stuck_is_listed_the_oldest_first_with_what_is_at_risk_and_what_comes_next(desk: Desk) -> None:
    order_id = stuck(desk, total_minor=12_345)
    running = placed(desk)

    listed = {row["order_id"]: row for row in desk.document("sagas", "list", "--stuck")["sagas"]}

    assert str(running) not in listed
    row = listed[str(order_id)]
    assert (row["status"], row["current_step"], row["at_risk"]) == ("STUCK", "settle", "123.45 USD")
    assert row["next_action"] == "send SettleOrder again"
    assert 3590 < row["stuck_seconds"] < 3700
    assert "send SettleOrder again" in desk.run("sagas", "list", "--stuck")[1]
    ages = [row["stuck_seconds"] for row in listed.values()]
    assert ages == sorted(ages, reverse=True)


def test_an_order_that_returns_is_shown_with_both_timelines_and_its_customer_s_address_masked(desk: Desk) -> None:
    order_id = placed(desk, *STRAIGHT)
    take(desk, datetime.now(UTC), CancelOrder(order_id=order_id, reason="ask jane@shop.example"))

    saga = desk.document("sagas", "show", order_id)["saga"]
    code, output, _ = desk.run("sagas", "show", order_id)

    assert (saga["status"], saga["return"]["status"], saga["return"]["current_step"]) == (
        "COMPLETED",
        "RUNNING",
        "recall",
    )
    assert [(line["saga"], line["what"]) for line in saga["timeline"]][-2:] == [
        ("place_order", "ReturnBegun"),
        ("return_order", "JourneyBegun"),
    ]
    assert code == 0
    assert output.index("timeline of place_order") < output.index("timeline of return_order")
    assert "jane@" not in output
    assert "words: ask ja***@shop.example" in output


def test_steps_that_are_waited_for_together_are_found_by_either_name(desk: Desk) -> None:
    order_id = placed(desk, *STRAIGHT)
    take(desk, datetime.now(UTC), CancelOrder(order_id=order_id))
    with desk.database("coordination") as database:
        database.execute(
            "UPDATE sagas SET current_step = 'refund+restock' WHERE associated_id = %s AND saga_type = 'return_order'",
            (str(order_id),),
        )

    for step in ("refund", "restock"):
        assert str(order_id) in desk.run("sagas", "list", "--step", step)[1]


@pytest.mark.parametrize("verb", ["resume", "retry", "reverse"])
def test_an_order_that_has_no_journey_is_said_to_have_none(desk: Desk, verb: str) -> None:
    code, _, said = desk.run("sagas", verb, uuid4(), "--why", "a test")

    assert code == 1
    assert "it has no journey" in said


@pytest.mark.parametrize(
    ("verb", "kinds", "objection"),
    [
        ("resume", (), "cannot be resumed: it is not stuck"),
        ("retry", STRAIGHT, "cannot be retried: it is COMPLETED"),
        ("reverse", (StockUnavailable,), "cannot be reversed: it is being undone already"),
    ],
)
def test_what_cannot_be_done_is_said_and_not_sent(
    desk: Desk, verb: str, kinds: tuple[type[JourneyEvent], ...], objection: str
) -> None:
    order_id = placed(desk, *kinds)
    before = len(desk.document("sagas", "show", order_id)["saga"]["timeline"])

    code, _, said = desk.run("sagas", verb, order_id, "--why", "a test")

    assert code == 1
    assert objection in said
    assert len(desk.document("sagas", "show", order_id)["saga"]["timeline"]) == before


def test_why_must_be_said(desk: Desk) -> None:
    for arguments in ((), ("--why", ""), ("--why", "x" * 501)):
        assert desk.run("sagas", "resume", placed(desk), *arguments)[0] == 2


@pytest.mark.usefixtures("worker")
def test_a_stuck_journey_is_resumed_by_its_worker_and_the_line_is_shown(desk: Desk) -> None:
    order_id = stuck(desk)

    code, output, _ = desk.run("sagas", "resume", order_id, "--why", "the card network is back")

    assert code == 0
    assert "JourneyResumed" in output
    saga = desk.document("sagas", "show", order_id)["saga"]
    assert saga["status"] == "RUNNING"
    assert saga["timeline"][-1]["detail"] == {"by": "olga", "why": "the card network is back"}
    sent = [message for envelope in desk.host.take_messages("payments") for message in envelope]
    assert [one.body for one in sent] == [SettleOrder(order_id=order_id)]


@pytest.mark.usefixtures("worker")
def test_a_step_is_retried_and_an_order_reversed_before_and_after_its_pivot(desk: Desk) -> None:
    young, old = placed(desk), placed(desk, *STRAIGHT)

    retried = desk.document("sagas", "retry", young, "--by", "otto", "--why", "lost")
    undone = desk.document("sagas", "reverse", young, "--by", "otto", "--why", "a fraud")
    returned = desk.document("sagas", "reverse", old, "--by", "otto", "--why", "a fraud")

    assert [one["line"]["what"] for one in (retried, undone, returned)] == [
        *("StepRetried", "JourneyReversed", "ReturnBegun")
    ]
    assert desk.document("sagas", "show", young)["saga"]["reason"] == "reversed"
    assert desk.document("sagas", "show", old)["saga"]["return"]["reason"] == "reversed"


@pytest.mark.usefixtures("worker")
def test_the_same_words_said_twice_are_two_interventions(desk: Desk) -> None:
    order_id = placed(desk)

    lines = [desk.document("sagas", "retry", order_id, "--why", "again")["line"] for _ in range(2)]

    assert lines[0]["at"] < lines[1]["at"]


def test_without_a_worker_it_waits_in_the_queue_and_that_is_said(desk: Desk) -> None:
    order_id = placed(desk)
    with working(desk):
        pass

    code, _, said = desk.run("sagas", "retry", order_id, "--why", "a test")

    assert code == 1
    assert "it waits for a worker of coordination" in said
    assert desk.host.ready("coordination") == 1
    with working(desk):
        eventually(
            lambda: desk.document("sagas", "show", order_id)["saga"]["timeline"][-1]["what"] == "StepRetried", 20
        )


def test_a_rabbitmq_that_is_away_is_one_sentence(desk: Desk) -> None:
    code, _, said = desk.run("sagas", "retry", placed(desk), "--why", "a test", RABBITMQ_URL="amqp://127.0.0.1:1/x")

    assert code == 2
    assert "RABBITMQ_URL" in said
