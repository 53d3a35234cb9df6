"""Payments against a real sandbox gateway: drift planted on either side is found, mended or kept for an operator."""

from datetime import timedelta
from uuid import UUID

import pytest

from contexts.orders.messages import PaymentReversed, ReconcilePayments, ReversePayment
from contexts.orders.payment import Status, payment_id
from tests.sandboxes.launching import Server

from .at_work import TEN_MINUTES_AGO, AtWork
from .payments_on_both_sides import CENTS, here, request, sent, there

AGREEING = [
    ("held", Status.AUTHORIZED),
    ("captured", Status.CAPTURED),
    ("refunded", Status.REFUNDED),
    ("voided", Status.VOIDED),
    ("nothing", Status.VOIDED),
    ("nothing", Status.DECLINED),
]
#: What is there, what we have, and what that is called.
DRIFT = [
    ("nothing", Status.AUTHORIZED, "MISSING_THERE"),
    ("nothing", Status.CAPTURED, "MISSING_THERE"),
    ("held", Status.CAPTURED, "DIFFERENT_STATE"),
    ("captured", Status.AUTHORIZED, "DIFFERENT_STATE"),
    ("captured", Status.VOIDED, "DIFFERENT_STATE"),
    ("captured", Status.REFUNDED, "DIFFERENT_STATE"),
    ("held", Status.DECLINED, "DIFFERENT_STATE"),
    ("voided", Status.AUTHORIZED, "DIFFERENT_STATE"),
    ("refunded", Status.CAPTURED, "DIFFERENT_STATE"),
    ("held", Status.UNKNOWN, "UNFINISHED"),
    ("nothing", Status.AUTHORIZING, "UNFINISHED"),
    ("captured", Status.CAPTURING, "UNFINISHED"),
]


def state_there(network: Server, order_id: UUID) -> str:
    _, (payment,) = network.ask("GET", f"/v1/payments?payment_id={payment_id(order_id)}")
    return str(payment["state"])


def test_payments_that_agree_leave_nothing_for_an_operator(payments: AtWork, card_network: Server) -> None:
    for state, status in AGREEING:
        here(payments, there(card_network, state), status=status)

    look = payments.look(ReconcilePayments)

    assert payments.discrepancies() == []
    assert (look["ours"], look["theirs"], look["error"]) == (len(AGREEING), 4, None)


def test_payments_that_differ_are_kept_for_an_operator_and_left_as_they_are(
    payments: AtWork, card_network: Server
) -> None:
    kinds = {here(payments, there(card_network, state), status=status): kind for state, status, kind in DRIFT}
    before = payments.rows("SELECT id, status, version FROM payments ORDER BY id")

    payments.look(ReconcilePayments)

    assert dict(payments.open()) == kinds
    assert len(payments.discrepancies()) == len(DRIFT)
    assert payments.rows("SELECT id, status, version FROM payments ORDER BY id") == before
    assert sent(payments, ReversePayment) == []


def test_a_difference_tells_both_sides_and_nothing_of_the_customer(
    payments: AtWork, card_network: Server, caplog: pytest.LogCaptureFixture
) -> None:
    order_id = here(payments, there(card_network, "captured"), status=Status.AUTHORIZED)

    payments.look(ReconcilePayments)

    (row,) = payments.discrepancies()
    name = f"txn_authorize/{order_id}"
    amounts = {"transaction_id": name, "currency": "USD", "refunded_minor": 0}
    assert row["ours"] == {
        **amounts,
        "status": "AUTHORIZED",
        "amount_minor": CENTS,
        "held_minor": CENTS,
        "captured_minor": 0,
    }
    assert row["theirs"] == {**amounts, "money": "taken", "held_minor": 0, "captured_minor": CENTS}
    (warning,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert str(order_id) in warning.getMessage()


def test_money_that_moved_for_an_order_nobody_placed_is_found(payments: AtWork, card_network: Server) -> None:
    strangers = {there(card_network, state) for state in ("held", "captured")}
    for nothing_kept in ("refunded", "voided"):
        there(card_network, nothing_kept)

    payments.look(ReconcilePayments)

    assert dict(payments.open()) == dict.fromkeys(strangers, "MISSING_HERE")


@pytest.mark.parametrize(("state", "operation"), [("held", "void"), ("captured", "refund")])
def test_money_of_an_order_nobody_placed_is_resolved_when_the_operator_gives_it_back_there(
    payments: AtWork, card_network: Server, state: str, operation: str
) -> None:
    stranger = there(card_network, state)
    payments.look(ReconcilePayments)
    assert payments.open() == [(stranger, "MISSING_HERE")]
    card_network.ask("POST", "/v1/operations", [request(operation, stranger)])

    payments.look(ReconcilePayments)

    assert payments.open() == []


def test_a_charge_of_another_amount_is_found(payments: AtWork, card_network: Server) -> None:
    order_id = here(payments, there(card_network, "captured", cents=CENTS + 1), status=Status.CAPTURED)

    payments.look(ReconcilePayments)

    assert payments.open() == [(order_id, "DIFFERENT_AMOUNT")]


def test_a_charge_beside_the_one_we_know_is_found(payments: AtWork, card_network: Server) -> None:
    order_id = here(payments, there(card_network, "held"), status=Status.AUTHORIZED)
    payments.change("UPDATE payments SET gateway_transaction_id = 'txn_of_the_past'")

    payments.look(ReconcilePayments)

    assert payments.open() == [(order_id, "MISSING_THERE"), (order_id, "OTHER_TRANSACTION")]


def test_a_hold_for_a_voided_payment_is_given_back(payments: AtWork, card_network: Server) -> None:
    order_id = here(payments, there(card_network, "held"), status=Status.VOIDED)

    look = payments.look(ReconcilePayments)

    assert (look["discovered"], look["mended"]) == (1, 1)
    assert state_there(card_network, order_id) == "voided"
    assert payments.row("SELECT status FROM payments")["status"] == Status.VOIDED
    assert payments.told == [PaymentReversed(order_id=order_id)]


def test_a_mended_payment_is_resolved_by_the_next_look(payments: AtWork, card_network: Server) -> None:
    here(payments, there(card_network, "held"), status=Status.VOIDED)
    payments.look(ReconcilePayments)

    payments.look(ReconcilePayments, lag=timedelta())

    assert payments.open() == []
    assert len(payments.discrepancies()) == 1
    assert len(sent(payments, ReversePayment)) == 1


def test_a_difference_that_is_known_is_not_mended_over_and_over(payments: AtWork, card_network: Server) -> None:
    order_id = here(payments, there(card_network, "held"), status=Status.DECLINED)
    payments.look(ReconcilePayments)
    payments.change("UPDATE payments SET status = 'VOIDED'")

    payments.look(ReconcilePayments)

    assert payments.open() == [(order_id, "DIFFERENT_STATE")]
    assert sent(payments, ReversePayment) == []


def test_a_difference_that_is_seen_again_is_one_row(payments: AtWork, card_network: Server) -> None:
    here(payments, there(card_network, "captured"), status=Status.AUTHORIZED)
    payments.look(ReconcilePayments)
    (first,) = payments.discrepancies()

    again = payments.look(ReconcilePayments)

    (second,) = payments.discrepancies()
    assert second["first_seen"] == first["first_seen"] < second["last_seen"]
    assert again["discovered"] == 0


@pytest.mark.parametrize("old", [TEN_MINUTES_AGO, timedelta(days=30)], ids=["in the window", "long before the window"])
def test_a_difference_that_is_gone_is_resolved(payments: AtWork, card_network: Server, old: timedelta) -> None:
    order_id = here(payments, there(card_network, "held"), status=Status.CAPTURED)
    payments.look(ReconcilePayments)
    payments.change("UPDATE payments SET updated_at = now() - %s", old)
    card_network.ask("POST", "/v1/operations", [request("capture", order_id)])

    payments.look(ReconcilePayments)

    assert payments.open() == []
    assert payments.discrepancies()[0]["resolved_at"] is not None


def test_a_difference_that_comes_back_begins_anew(payments: AtWork, card_network: Server) -> None:
    order_id = here(payments, there(card_network, "captured"), status=Status.AUTHORIZED)
    payments.look(ReconcilePayments)
    payments.change("UPDATE payment_discrepancies SET resolved_at = now(), first_seen = now() - interval '1 day'")

    look = payments.look(ReconcilePayments)

    assert payments.open() == [(order_id, "DIFFERENT_STATE")]
    assert payments.discrepancies()[0]["first_seen"] >= look["started_at"]
    assert look["discovered"] == 1
