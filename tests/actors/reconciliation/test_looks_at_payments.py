"""Looks at payments: page by page, over a gateway that fails, each from where the last one ended."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from actors.payment_reconciliation import payments_reconciled, reconcile_payments
from contexts.orders.messages import ReconcilePayments
from contexts.orders.payment import Status, payment_id
from contexts.reconciliation import MOST_FAILURES, PAGE
from persistence.payment_reconciliation import PaymentReconciliation
from tests.sandboxes.launching import Server

from .at_work import FIVE_MINUTES_AGO, TEN_MINUTES_AGO, AtWork
from .payments_on_both_sides import here, request, sent, there


def test_what_changed_within_the_lag_is_left_to_a_later_look(payments: AtWork, card_network: Server) -> None:
    order_id = here(payments, there(card_network, "captured"), status=Status.AUTHORIZED, age=timedelta(minutes=4))
    payments.look(ReconcilePayments)
    assert payments.open() == []

    payments.look(ReconcilePayments, lag=timedelta(minutes=3))

    assert payments.open() == [(order_id, "DIFFERENT_STATE")]


def test_a_payment_that_waits_for_an_answer_is_found_however_old_it_is(payments: AtWork) -> None:
    order_id = here(payments, uuid4(), status=Status.UNKNOWN, age=timedelta(days=90))

    payments.look(ReconcilePayments)

    assert payments.open() == [(order_id, "UNFINISHED")]


def test_thousands_go_page_by_page_and_none_is_forgotten(payments: AtWork, card_network: Server) -> None:
    order_ids = [uuid4() for _ in range(2 * PAGE + 100)]
    requests = [request("authorize", order_id) for order_id in order_ids]
    for start in range(0, len(requests), 1000):
        card_network.ask("POST", "/v1/operations", requests[start : start + 1000])
    here(payments, *order_ids, status=Status.AUTHORIZED)
    drifted = {min(order_ids, key=payment_id), max(order_ids, key=payment_id)}
    for order_id in drifted:
        card_network.ask("POST", "/v1/operations", [request("capture", order_id)])
    stranger = there(card_network, "held")

    look = payments.look(ReconcilePayments)

    assert {order_id for order_id, _ in payments.open()} == {*drifted, stranger}
    assert (look["ours"], look["theirs"]) == (len(order_ids), len(order_ids) + 1)
    assert len(sent(payments, ReconcilePayments)) == 5


def test_a_page_of_just_the_largest_size_is_followed_by_the_other_side(payments: AtWork) -> None:
    here(payments, *(uuid4() for _ in range(PAGE)), status=Status.AUTHORIZED)

    look = payments.look(ReconcilePayments)

    assert (look["ours"], look["finished_at"] is not None) == (PAGE, True)
    assert len(payments.open()) == PAGE


@pytest.mark.parametrize("fault", ["error_rate", "drop_before_rate", "drop_after_rate"])
def test_a_gateway_that_often_fails_is_asked_until_it_answers(
    payments: AtWork, card_network: Server, fault: str
) -> None:
    order_id = here(payments, there(card_network, "held"), status=Status.CAPTURED)
    card_network.ask("PUT", "/faults", {fault: 0.5, "seed": 31})

    look = payments.look(ReconcilePayments)

    assert payments.open() == [(order_id, "DIFFERENT_STATE")]
    assert look["error"] is None
    assert any(message.failures for message in payments.carried if isinstance(message, ReconcilePayments))


def test_a_gateway_that_is_away_finds_nothing_missing_there(payments: AtWork, card_network: Server) -> None:
    here(payments, there(card_network, "held"), status=Status.AUTHORIZED)
    card_network.kill()

    look = payments.look(ReconcilePayments)

    assert payments.discrepancies() == []
    assert "/v1/payments" in look["error"]
    assert len(sent(payments, ReconcilePayments)) == MOST_FAILURES - 1


def test_the_clock_begins_where_its_last_look_ended(payments: AtWork, card_network: Server) -> None:
    now = datetime.now(UTC)
    first = payments.tick(ReconcilePayments, now - TEN_MINUTES_AGO)
    order_id = here(payments, there(card_network, "held"), status=Status.CAPTURED, age=timedelta(minutes=9))
    second = payments.tick(ReconcilePayments, now - FIVE_MINUTES_AGO)
    third = payments.tick(ReconcilePayments, now - FIVE_MINUTES_AGO + timedelta(minutes=1))

    assert second["since"] == first["until"] == now - TEN_MINUTES_AGO
    assert third["since"] == second["until"]
    assert (second["ours"], second["theirs"], second["position"]) == (1, 1, "1")
    assert (third["ours"], third["theirs"], third["position"]) == (1, 0, "1")  # what is open is looked at again
    assert payments.open() == [(order_id, "DIFFERENT_STATE")]
    assert [row["id"] for row in payments.rows("SELECT id FROM reconciliations")] == [third["id"]]


def test_a_look_that_failed_is_made_up_for_by_the_clock_s_next(payments: AtWork, card_network: Server) -> None:
    now = datetime.now(UTC)
    payments.tick(ReconcilePayments, now - TEN_MINUTES_AGO)
    here(payments, there(card_network, "held"), status=Status.AUTHORIZED, age=timedelta(minutes=9))
    card_network.ask("PUT", "/faults", {"error_rate": 1})
    failed = payments.tick(ReconcilePayments, now - timedelta(minutes=7))
    card_network.ask("DELETE", "/faults")

    next_one = payments.tick(ReconcilePayments, now - FIVE_MINUTES_AGO)

    assert "503" in failed["error"]
    assert (next_one["since"], next_one["ours"], next_one["theirs"]) == (now - TEN_MINUTES_AGO, 1, 1)


def test_a_tick_while_a_look_is_under_way_begins_none(payments: AtWork) -> None:
    now = datetime.now(UTC)
    payments.tick(ReconcilePayments, now - TEN_MINUTES_AGO)
    payments.change("UPDATE reconciliations SET finished_at = NULL")

    assert payments.tick(ReconcilePayments, now - FIVE_MINUTES_AGO) is None


def test_a_tick_that_found_a_look_under_way_begins_none_when_that_has_ended_meanwhile(payments: AtWork) -> None:
    now = datetime.now(UTC)
    payments.tick(ReconcilePayments, now - TEN_MINUTES_AGO)
    tick = ReconcilePayments(run_id=uuid4(), until=now - FIVE_MINUTES_AGO)

    assert payments.tick_beside_a_look(tick, PaymentReconciliation, reconcile_payments, payments_reconciled) == []

    assert payments.row("SELECT id FROM reconciliations WHERE id = %s", tick.run_id) is None
    assert payments.tick(ReconcilePayments, now - FIVE_MINUTES_AGO) is not None


def test_a_look_that_nothing_is_heard_of_makes_way(payments: AtWork) -> None:
    now = datetime.now(UTC)
    lost = payments.tick(ReconcilePayments, now - TEN_MINUTES_AGO)
    payments.change("UPDATE reconciliations SET finished_at = NULL, touched_at = now() - interval '11 minutes'")

    look = payments.tick(ReconcilePayments, now - FIVE_MINUTES_AGO)

    assert look["finished_at"] is not None
    assert look["since"] < lost["until"]


def test_a_look_that_is_over_is_not_gone_on_with(payments: AtWork) -> None:
    now = datetime.now(UTC)
    look = payments.tick(ReconcilePayments, now - FIVE_MINUTES_AGO)
    here(payments, uuid4(), status=Status.CAPTURED)

    payments.send(ReconcilePayments(run_id=look["id"], until=look["until"]))
    payments.send(ReconcilePayments(run_id=uuid4(), until=look["until"], side="theirs"))

    assert payments.open() == []
    assert len(payments.rows("SELECT id FROM reconciliations")) == 1
