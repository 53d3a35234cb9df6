"""Payments against a real sandbox gateway: drift planted on either side is found, mended or kept for an operator."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest

from actors.payment_reconciliation import payments_reconciled, reconcile_payments
from contexts.messages import Message
from contexts.orders.messages import PaymentReversed, ReconcilePayments, ReversePayment
from contexts.orders.payment import Status, payment_id
from contexts.reconciliation import MOST_FAILURES, PAGE
from persistence.payment_reconciliation import PaymentReconciliation
from tests.sandboxes.launching import Server

from .at_work import FIVE_MINUTES_AGO, TEN_MINUTES_AGO, AtWork

CENTS = 1234
THERE = {
    "nothing": (),
    "held": ("authorize",),
    "captured": ("authorize", "capture"),
    "refunded": ("authorize", "capture", "refund"),
    "voided": ("authorize", "void"),
}
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


def request(operation: str, order_id: UUID, cents: int = CENTS) -> dict[str, object]:
    return {
        "operation": operation,
        "idempotency_key": f"{operation}/{order_id}",
        "payment_id": str(payment_id(order_id)),
        "order_id": str(order_id),
        "amount_minor": cents,
        "currency": "USD",
        "card_token": "tok_visa" if operation == "authorize" else None,
        "transaction_id": None,
    }


def there(network: Server, state: str, order_id: UUID | None = None, cents: int = CENTS) -> UUID:
    """Bring an order's payment so far at the gateway, without our knowledge."""
    order_id = order_id or uuid4()
    for operation in THERE[state]:
        status, (answer,) = network.ask("POST", "/v1/operations", [request(operation, order_id, cents)])
        assert (status, answer["status"]) == (200, "approved")
    return order_id


def here(payments: AtWork, *order_ids: UUID, status: Status, age: timedelta = TEN_MINUTES_AGO) -> UUID:
    """Enter orders and their payments in our tables, as if changed so long ago; returns the first order."""
    rows = [_row(order_id, status, datetime.now(UTC) - age) for order_id in order_ids]
    with psycopg.connect(payments.url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO orders (id, order_number, customer_id, total_amount, shipping_address, billing_address)"
            " SELECT id, id::text, id, %s, '{}', '{}' FROM unnest(%s::uuid[]) AS id",
            (CENTS / 100, list(order_ids)),
        )
        connection.execute(
            "INSERT INTO payments (id, order_id, payment_method, amount, status, gateway_transaction_id,"
            " captured_amount, refunded_amount, attempts, updated_at)"
            " SELECT id, order_id, 'card', amount, status, name, captured, refunded, 1, updated_at"
            " FROM json_to_recordset(%s) AS r(id uuid, order_id uuid, amount numeric, status text, name text,"
            " captured numeric, refunded numeric, updated_at timestamptz)",
            (orjson.dumps(rows).decode(),),
        )
    return order_ids[0]


def _row(order_id: UUID, status: Status, at: datetime) -> dict[str, object]:
    heard = status in (Status.AUTHORIZED, Status.CAPTURED, Status.REFUNDED)
    return {
        "id": payment_id(order_id),
        "order_id": order_id,
        "status": status,
        "amount": CENTS / 100,
        "name": f"txn_authorize/{order_id}" if heard else None,
        "captured": CENTS / 100 if status in (Status.CAPTURED, Status.REFUNDED) else 0,
        "refunded": CENTS / 100 if status is Status.REFUNDED else 0,
        "updated_at": at,
    }


def state_there(network: Server, order_id: UUID) -> str:
    _, (payment,) = network.ask("GET", f"/v1/payments?payment_id={payment_id(order_id)}")
    return str(payment["state"])


def sent(payments: AtWork, kind: type[Message]) -> Sequence[Message]:
    return [message for message in payments.carried if isinstance(message, kind)]


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
    payments.change("UPDATE reconciliations SET finished_at = NULL")
    tick = ReconcilePayments(run_id=uuid4(), until=now - FIVE_MINUTES_AGO)
    with psycopg.connect(payments.url, autocommit=True) as connection:
        records = PaymentReconciliation(connection)
        with connection.transaction():
            assert reconcile_payments(tick, records) is None
        payments.change("UPDATE reconciliations SET finished_at = now()")

        with connection.transaction():
            assert list(payments_reconciled(tick, None, records)) == []

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
