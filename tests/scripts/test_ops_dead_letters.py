"""`scripts/ops dead-letters`: each letter is found, shown, and sent again or given up once, whoever asks when."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.contexts.examples import a_place_order
from tests.persistence.virtual_host import eventually

from .buried_letters import bury, capture, died, mail, waiting
from .operators_desk import Desk, own_desk


@pytest.fixture(scope="module")
def own() -> Iterator[Desk]:
    with own_desk() as desk:
        yield desk


@pytest.fixture
def desk(own: Desk) -> Desk:
    own.clear()
    return own


def test_letters_of_all_stores_are_listed_oldest_first(desk: Desk) -> None:
    one, other = capture(), mail()
    bury(desk, other, one)
    with desk.database("orders") as database:
        database.execute("UPDATE dead_letters SET died_at = now() - interval '1 hour'")

    listed = desk.document("dead-letters", "list")

    assert [(row["context"], row["id"]) for row in listed["dead_letters"]] == [
        ("orders", str(one.id)),
        ("notifications", str(other.id)),
    ]
    assert listed["unavailable"] == []


@pytest.mark.parametrize(
    "filters",
    [
        ("--context", "orders", "--error", "keyerror"),
        ("--type", "capturepayment", "--error", "KeyError"),
        ("--older-than", "30m"),
        ("--order", "ORDER"),
        ("--id", "ID"),
    ],
)
def test_each_filter_finds_what_it_asks_for_and_nothing_else(desk: Desk, filters: tuple[str, ...]) -> None:
    old = capture()
    bury(desk, old, mail(error="Timeout()"), capture(error="Timeout()"))
    with desk.database("orders") as database:
        database.execute("UPDATE dead_letters SET died_at = now() - interval '1 hour' WHERE id = %s", (old.id,))
    names = {"ORDER": str(old.correlation_id), "ID": str(old.id)}

    listed = desk.document("dead-letters", "list", *(names.get(word, word) for word in filters))

    assert [row["id"] for row in listed["dead_letters"]] == [str(old.id)]


def test_the_filters_mean_the_same_in_mongodb(desk: Desk) -> None:
    wanted = mail(error="a.b (c)")
    bury(desk, wanted, mail(error="axb (c)"))

    for filters in (["--error", "A.B (C)"], ["--order", wanted.correlation_id], ["--id", wanted.id]):
        listed = desk.document("dead-letters", "list", "--type", "ordercompleted", *filters)
        assert [row["id"] for row in listed["dead_letters"]] == [str(wanted.id)]


def test_nothing_found_is_exit_code_1(desk: Desk) -> None:
    assert desk.run("dead-letters", "list")[0] == 1
    assert desk.run("dead-letters", "show", uuid4())[0] == 1
    assert desk.run("dead-letters", "retry", "--id", uuid4())[0] == 1


def test_a_letter_is_shown_with_message_and_traceback_and_nothing_personal(desk: Desk) -> None:
    letter = died("orders", a_place_order((uuid4(), 1)), error="no mail for jane@shop.example")
    bury(desk, letter)

    code, output, _ = desk.run("dead-letters", "show", letter.id)

    assert code == 0
    assert '"quantity": 1' in output
    assert "KeyError: amount" in output
    assert "ja***@shop.example" in output
    for secret in ("jane@", "Jane Roe", "1 Main Street", "tok_visa"):
        assert secret not in output


def test_what_is_shown_unmasked_is_the_very_message(desk: Desk) -> None:
    letter = died("orders", a_place_order((uuid4(), 1)))
    bury(desk, letter)

    (shown,) = desk.document("dead-letters", "show", letter.id, "--unmasked")["dead_letters"]

    assert shown["payload"] == letter.payload
    assert shown["traceback"] == letter.traceback


@pytest.mark.parametrize(("context", "letter"), [("orders", capture), ("notifications", mail)])
def test_a_retried_letter_waits_in_its_outbox_as_a_first_attempt_and_tells_who(
    desk: Desk, context: str, letter: Any
) -> None:
    dead = letter()
    bury(desk, dead)

    results = desk.document("dead-letters", "retry", "--id", dead.id, "--note", "fixed")["results"]

    assert [(one["id"], one["result"]) for one in results] == [(str(dead.id), "retried")]
    ((queue, actor, message),) = waiting(desk, context)
    assert (queue, actor) == (dead.destination.queue, dead.destination.actor)
    assert message == dead.payload | {"attempt": 0}
    (row,) = desk.document("dead-letters", "list", "--status", "RETRIED")["dead_letters"]
    assert (row["resolved_by"], row["note"]) == ("olga", "fixed")
    assert abs(datetime.fromisoformat(row["resolved_at"]) - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_letter_is_not_retried_twice_in_a_row(desk: Desk) -> None:
    dead = capture()
    bury(desk, dead)

    codes = [desk.run("dead-letters", "retry", "--id", dead.id)[0] for _ in range(2)]

    assert codes == [0, 1]
    assert len(waiting(desk, "orders")) == 1


def test_two_operators_who_retry_the_same_letters_at_the_same_time_send_each_once(desk: Desk) -> None:
    bury(desk, *(capture() for _ in range(30)))
    with desk.database("orders") as database, psycopg.connect(desk.variables["ORDERS_DATABASE_URL"]) as holder:
        # Both have chosen the same letters when they come to the lock; only then are they let in.
        holder.execute("SELECT FROM dead_letters FOR UPDATE")
        operators = [desk.start("dead-letters", "retry", "--context", "orders", "--yes", "--json") for _ in range(2)]
        locked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
        eventually(lambda: database.execute(locked, ("%FROM dead_letters%FOR UPDATE%",)).fetchone() == (2,))
        holder.rollback()
        outputs = [json.loads(operator.communicate(timeout=60)[0]) for operator in operators]

    assert sorted(output["done"] for output in outputs) == [0, 30]
    assert {one["result"] for output in outputs for one in output["results"]} == {"retried", "too late"}
    assert len(waiting(desk, "orders")) == 30


def test_two_operators_at_the_same_time_send_once_from_mongodb_too(desk: Desk) -> None:
    dead = mail()
    bury(desk, dead)
    with desk.documents.client.start_session() as session, session.start_transaction():
        # While this transaction has the letter, both operators' writes are turned away and repeated.
        desk.documents["dead_letters"].update_one({}, {"$set": {"note": "held"}}, session=session)
        operators = [desk.start("dead-letters", "retry", "--id", dead.id, "--json") for _ in range(2)]
        time.sleep(3)
        assert [operator.poll() for operator in operators] == [None, None]
        session.abort_transaction()
    outputs = [operator.communicate(timeout=60) for operator in operators]

    assert sorted(json.loads(output)["done"] for output, _ in outputs) == [0, 1], outputs
    assert len(waiting(desk, "notifications")) == 1


def test_a_retried_letter_that_dies_again_keeps_who_retried_it_and_can_be_retried_again(desk: Desk) -> None:
    dead = capture()
    bury(desk, dead)
    desk.document("dead-letters", "retry", "--id", dead.id, "--by", "ann", "--note", "first try")
    with desk.database("orders") as database:
        database.execute("DELETE FROM outbox")
    bury(desk, dead)

    (row,) = desk.document("dead-letters", "list")["dead_letters"]
    assert (row["status"], row["resolved_by"], row["note"]) == ("DEAD", "ann", "first try")
    desk.document("dead-letters", "retry", "--id", dead.id, "--note", "second try")
    (row,) = desk.document("dead-letters", "list", "--status", "ANY")["dead_letters"]
    assert (row["status"], row["resolved_by"], row["note"]) == ("RETRIED", "olga", "first try\nsecond try")
    assert len(waiting(desk, "orders")) == 1


def test_what_a_filter_finds_is_shown_and_asked_about(desk: Desk) -> None:
    bury(desk, capture(), capture(), mail())

    code, _, errors = desk.run("dead-letters", "retry", "--type", "CapturePayment", said="n\n")
    assert code == 1
    assert "2 x orders.CapturePayment.v1 in orders: KeyError('amount')" in errors
    assert "retry 2 dead letters? [y/N]" in errors
    assert waiting(desk, "orders") == []

    assert desk.run("dead-letters", "retry", "--type", "CapturePayment")[0] == 2
    assert waiting(desk, "orders") == []
    assert desk.run("dead-letters", "retry", "--type", "CapturePayment", said="y\n")[0] == 0
    assert len(waiting(desk, "orders")) == 2
    assert waiting(desk, "notifications") == []


def test_a_discarded_letter_is_kept_with_the_reason_and_never_sent(desk: Desk) -> None:
    for dead in (capture(), mail()):
        bury(desk, dead)
        assert desk.run("dead-letters", "discard", "--id", dead.id)[0] == 2
        desk.document("dead-letters", "discard", "--id", dead.id, "--note", "placed by hand")
        assert desk.run("dead-letters", "retry", "--id", dead.id)[0] == 1

    rows = desk.document("dead-letters", "list", "--status", "DISCARDED")["dead_letters"]
    assert sorted((row["context"], row["note"]) for row in rows) == [
        ("notifications", "placed by hand"),
        ("orders", "placed by hand"),
    ]
    assert waiting(desk, "orders") == waiting(desk, "notifications") == []


def test_retrying_without_a_filter_needs_the_word_all(desk: Desk) -> None:
    bury(desk, capture())

    assert desk.run("dead-letters", "retry", "--yes")[0] == 2
    assert desk.run("dead-letters", "retry", "--all", "--context", "orders", "--yes")[0] == 2
    assert waiting(desk, "orders") == []
    assert desk.run("dead-letters", "retry", "--all", "--yes")[0] == 0
    assert len(waiting(desk, "orders")) == 1


def test_a_store_that_is_away_is_named_and_the_others_are_still_listed(desk: Desk) -> None:
    dead = capture()
    bury(desk, dead)

    away = "postgresql://delivery:secret@127.0.0.1:1/delivery"
    code, output, errors = desk.run("dead-letters", "list", DELIVERY_DATABASE_URL=away)

    assert code == 2
    assert str(dead.id) in output
    assert "127.0.0.1:1/delivery (from DELIVERY_DATABASE_URL) cannot be used" in errors
    assert "secret" not in errors
