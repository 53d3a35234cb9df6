"""`scripts/ops reconcile | discrepancies`: real workers compare real sandboxes' records with what is stored."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from contexts.orders.payment import payment_id
from persistence.amqp import queue_arguments
from tests.persistence.virtual_host import eventually
from tests.sandboxes.launching import Server, launcher

from .operators_desk import ROOT, Desk, own_desk

CENTS = 1234


@pytest.fixture(scope="module")
def own() -> Iterator[Desk]:
    with own_desk() as desk:
        yield desk


@pytest.fixture
def desk(own: Desk) -> Desk:
    own.clear()
    for context, table in (("orders", "payment_discrepancies"), ("delivery", "shipment_discrepancies")):
        with own.database(context) as connection:
            connection.execute(f"TRUNCATE {table}, reconciliations".encode())
    with own.host.channel() as channel:
        for queue in ("payments", "delivery"):
            channel.queue_declare(queue, durable=True, arguments=queue_arguments(queue))
            channel.queue_purge(queue)
    return own


@pytest.fixture
def card_network(tmp_path: Path) -> Iterator[Server]:
    with launcher() as start:
        yield start("sandboxes.payment_gateway", "--journal", str(tmp_path / "payments.jsonl"))


@pytest.fixture
def carrier(tmp_path: Path) -> Iterator[Server]:
    with launcher() as start:
        yield start("sandboxes.carrier", "--journal", str(tmp_path / "shipments.jsonl"))


@contextmanager
def workers(desk: Desk, card_network: Server, carrier: Server) -> Iterator[None]:
    """The workers of payments and delivery."""
    variables = {"PAYMENT_GATEWAY_URL": f"sandbox+{card_network.url}", "CARRIER_URL": carrier.url}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "actors", name, "--threads", "2"],
            cwd=ROOT,
            env={**os.environ, **desk.variables, **variables, "LOG_LEVEL": "ERROR"},
        )
        for name in ("payments", "delivery")
    ]
    try:
        eventually(lambda: desk.host.consumed({"payments", "delivery"}), 60)
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


def a_stray_hold(card_network: Server) -> UUID:
    """Have money held for an order that nobody placed."""
    order_id = uuid4()
    request = {
        "operation": "authorize",
        "idempotency_key": str(uuid4()),
        "payment_id": str(payment_id(order_id)),
        "order_id": str(order_id),
        "amount_minor": CENTS,
        "currency": "USD",
        "card_token": "tok_visa",
    }
    assert card_network.ask("POST", "/v1/operations", [request])[0] == 200
    return order_id


def a_stray_label(carrier: Server) -> UUID:
    """Have a parcel booked for an order that nobody placed."""
    order_id = uuid4()
    booking = {"reference": str(uuid4()), "order_id": str(order_id), "shipping_method": "STANDARD", "pieces": 1}
    assert carrier.ask("POST", "/v1/shipments", [{**booking, "address": {"country": "US"}}])[0] == 200
    return order_id


def test_reconciling_finds_what_is_there_only_and_lists_it_until_it_is_gone(
    desk: Desk, card_network: Server, carrier: Server
) -> None:
    held, booked = a_stray_hold(card_network), a_stray_label(carrier)

    with workers(desk, card_network, carrier):
        looks = {look["what"]: look for look in desk.document("reconcile", "--since", "1h", "--lag", "0s")["looks"]}
        found = desk.document("discrepancies", "list")
        void = {"operation": "void", "idempotency_key": str(uuid4()), "amount_minor": CENTS, "currency": "USD"}
        named = {"payment_id": str(payment_id(held)), "order_id": str(held)}
        card_network.ask("POST", "/v1/operations", [{**void, **named}])
        desk.document("reconcile", "--lag", "0s")

    assert {what: (one["theirs"], one["discovered"], one["error"]) for what, one in looks.items()} == {
        "payments": (1, 1, None),
        "shipments": (1, 1, None),
    }
    assert {(one["subject"], one["order_id"], one["kind"]) for one in found["discrepancies"]} == {
        ("payment", str(held), "MISSING_HERE"),
        ("shipment", str(booked), "MISSING_HERE"),
    }
    assert found["counts"] == {"payment MISSING_HERE": 1, "shipment MISSING_HERE": 1}
    (left,) = desk.document("discrepancies", "list")["discrepancies"]
    assert left["order_id"] == str(booked)
    resolved = [one for one in desk.document("discrepancies", "list", "--all")["discrepancies"] if one["resolved_at"]]
    assert [one["order_id"] for one in resolved] == [str(held)]


def test_reconciling_with_a_gateway_that_is_away_says_so_and_is_not_done(
    desk: Desk, card_network: Server, carrier: Server
) -> None:
    with workers(desk, card_network, carrier):
        card_network.kill()
        code, output, _ = desk.run("reconcile", "--json")

    looks = {look["what"]: look["error"] for look in json.loads(output)["looks"]}
    assert code == 1
    assert "/v1/payments" in looks["payments"]
    assert looks["shipments"] is None


def test_reconciling_without_workers_is_told_not_waited_for_without_end(desk: Desk) -> None:
    code, _, errors = desk.run("reconcile", "--wait", "1s")

    assert code == 1
    assert "not done yet" in errors
    for queue in ("payments", "delivery"):
        assert desk.host.take(queue)


def test_where_nothing_differs_the_list_says_so(desk: Desk) -> None:
    code, output, errors = desk.run("discrepancies", "list")

    assert (code, output) == (1, "")
    assert "no such discrepancy" in errors


def test_a_discrepancy_is_one_line_a_person_can_read(desk: Desk) -> None:
    order_id = uuid4()
    with desk.database("orders") as connection:
        connection.execute(
            "INSERT INTO payment_discrepancies (id, payment_id, order_id, kind, theirs, first_seen, last_seen)"
            " VALUES (%s, %s, %s, 'MISSING_HERE', '{\"held_minor\": 1234}', now() - interval '2 hours', now())",
            (uuid4(), uuid4(), order_id),
        )

    code, output, _ = desk.run("discrepancies", "list", "--kind", "MISSING_HERE")

    assert code == 0
    (line,) = [line for line in output.splitlines() if str(order_id) in line]
    assert "payment" in line
    assert "2h 00m" in line
    assert '{"held_minor":1234}' in line
    assert desk.run("discrepancies", "list", "--kind", "UNFINISHED")[0] == 1


def test_a_queue_that_was_never_declared_is_said_to_be(desk: Desk) -> None:
    for queue in ("payments", "delivery"):
        desk.host.delete(queue)

    code, _, errors = desk.run("reconcile", "--wait", "1s")

    assert code == 2
    assert "worker" in errors
