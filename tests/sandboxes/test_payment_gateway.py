"""The sandbox payment gateway over HTTP: it obeys a card network's rules and forgets nothing."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from .launching import SCRIPTS, Launch, Server, launcher


@pytest.fixture
def gateway(launch: Launch, tmp_path: Path) -> Server:
    return launch("sandboxes.payment_gateway", "--journal", str(tmp_path / "payments.jsonl"))


@pytest.fixture(scope="module")
def shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A gateway for the tests that need no sums of their own."""
    with launcher() as start:
        yield start(
            "sandboxes.payment_gateway", "--journal", str(tmp_path_factory.mktemp("journal") / "payments.jsonl")
        )


@pytest.fixture
def payment_id() -> str:
    return str(uuid4())


def a_request(operation: str, payment_id: str, **other: Any) -> dict[str, Any]:
    return {
        "operation": operation,
        "idempotency_key": str(uuid4()),
        "payment_id": payment_id,
        "order_id": str(uuid4()),
        "amount_minor": 1000,
        "currency": "USD",
        "card_token": "tok_visa",
        "transaction_id": None,
        **other,
    }


def outcomes(gateway: Server, *requests: Any) -> list[dict[str, Any]]:
    status, answers = gateway.ask("POST", "/v1/operations", list(requests))
    assert status == 200
    assert len(answers) == len(requests)
    return list(answers)


def statuses(gateway: Server, *requests: Any) -> list[str]:
    return [answer["status"] for answer in outcomes(gateway, *requests)]


def totals(gateway: Server) -> dict[str, Any]:
    status, sums = gateway.ask("GET", "/v1/totals")
    assert status == 200
    return dict(sums)


def codes(gateway: Server, *requests: Any) -> list[str | None]:
    return [answer.get("code") for answer in outcomes(gateway, *requests)]


@pytest.mark.parametrize(
    ("token", "brand", "last_four"),
    [("tok_visa", "visa", "4242"), ("tok_mastercard", "mastercard", "4444"), ("tok_amex", "amex", "8431")],
)
def test_an_authorisation_tells_the_card(
    shared_gateway: Server, payment_id: str, token: str, brand: str, last_four: str
) -> None:
    (answer,) = outcomes(shared_gateway, a_request("authorize", payment_id, card_token=token))

    assert answer["status"] == "approved"
    assert (answer["card_brand"], answer["card_last_four"]) == (brand, last_four)


def test_the_same_request_gets_the_same_answer_and_is_done_once(gateway: Server) -> None:
    request = a_request("authorize", "p1")

    first, second = outcomes(gateway, request, request)
    (third,) = outcomes(gateway, request)

    assert first == second == third
    assert totals(gateway)["authorized_minor"] == 1000


def test_a_key_that_was_used_for_another_request_is_an_error(gateway: Server) -> None:
    request = a_request("authorize", "p1")

    assert statuses(gateway, request, {**request, "amount_minor": 1}) == ["approved", "error"]
    assert totals(gateway)["authorized_minor"] == 1000


def test_a_payment_is_authorised_once_whatever_the_key(gateway: Server) -> None:
    first, second = a_request("authorize", "p1"), a_request("authorize", "p1")

    assert codes(gateway, first, second) == [None, "payment_already_authorized"]


def test_another_card_may_be_tried_after_a_decline(gateway: Server) -> None:
    refused = a_request("authorize", "p1", card_token="tok_chargeDeclined")

    assert statuses(gateway, refused, a_request("authorize", "p1")) == ["declined", "approved"]
    assert totals(gateway)["declined"] == 1


def test_an_authorisation_that_is_never_answered_holds_the_amount_and_can_be_voided(gateway: Server) -> None:
    request = a_request("authorize", "p1", card_token="tok_silent_visa")

    assert statuses(gateway, request, a_request("authorize", "p2"), request) == ["error", "approved", "error"]
    _, (looked_up,) = gateway.ask("POST", "/v1/lookup", [request["idempotency_key"]])
    assert looked_up["status"] == "error"
    assert totals(gateway)["held_minor"] == 2000

    assert statuses(gateway, a_request("void", "p1"), request) == ["approved", "error"]
    sums = totals(gateway)
    assert (sums["held_minor"], sums["voided_minor"]) == (1000, 1000)


def test_at_most_what_is_held_is_taken_and_only_once(gateway: Server) -> None:
    outcomes(gateway, a_request("authorize", "p1"))
    too_much = a_request("capture", "p1", amount_minor=1001)
    less = a_request("capture", "p1", amount_minor=900)
    again = a_request("capture", "p1", amount_minor=100)

    assert codes(gateway, too_much, less, again) == ["amount_too_large", None, "payment_unexpected_state"]
    sums = totals(gateway)
    assert (sums["captured_minor"], sums["released_minor"], sums["held_minor"]) == (900, 100, 0)


def test_refunds_give_back_at_most_what_was_taken(gateway: Server) -> None:
    outcomes(gateway, a_request("authorize", "p1"), a_request("capture", "p1"))
    refunds = [a_request("refund", "p1", amount_minor=amount) for amount in (600, 401, 400, 1)]

    assert codes(gateway, *refunds) == [None, "amount_too_large", None, "amount_too_large"]
    assert totals(gateway)["refunded_minor"] == 1000
    assert totals(gateway)["states"]["refunded"] == 1


def test_a_capture_makes_a_void_impossible(gateway: Server) -> None:
    requests = [a_request(operation, "p1") for operation in ("authorize", "capture", "void")]

    assert codes(gateway, *requests) == [None, None, "payment_unexpected_state"]


def test_a_void_makes_a_capture_impossible(gateway: Server) -> None:
    requests = [a_request(operation, "p1") for operation in ("authorize", "void", "capture", "void")]

    assert codes(gateway, *requests) == [None, None, "payment_unexpected_state", None]
    sums = totals(gateway)
    assert (sums["voided_minor"], sums["held_minor"], sums["captured_minor"]) == (1000, 0, 0)


def test_a_void_that_overtakes_its_authorisation_forbids_it(gateway: Server) -> None:
    assert codes(gateway, a_request("void", "p1"), a_request("authorize", "p1")) == [None, "payment_voided"]
    assert totals(gateway)["held_minor"] == 0


@pytest.mark.parametrize("earlier", [[], ["authorize"], ["authorize", "capture"]], ids=len)
def test_nothing_is_no_amount(shared_gateway: Server, payment_id: str, earlier: list[str]) -> None:
    outcomes(shared_gateway, a_request("void", str(uuid4())), *(a_request(step, payment_id) for step in earlier))
    operation = ("authorize", "capture", "refund")[len(earlier)]

    assert codes(shared_gateway, a_request(operation, payment_id, amount_minor=0)) == ["amount_too_small"]


def test_a_payment_is_not_found_under_another_transaction_or_currency(shared_gateway: Server, payment_id: str) -> None:
    outcomes(shared_gateway, a_request("authorize", payment_id))
    other_transaction = a_request("capture", payment_id, transaction_id="txn_of_somebody_else")
    other_currency = a_request("capture", payment_id, currency="EUR")

    assert codes(shared_gateway, other_transaction, other_currency) == ["resource_missing", "currency_mismatch"]


@pytest.mark.parametrize(
    "flaw",
    [
        {"operation": "steal"},
        {"operation": ["capture"]},
        {"idempotency_key": ""},
        {"payment_id": 7},
        {"amount_minor": 10.5},
        {"amount_minor": True},
        {"card_token": {}},
    ],
)
def test_one_malformed_request_harms_no_other(shared_gateway: Server, payment_id: str, flaw: dict[str, Any]) -> None:
    good, bad = a_request("authorize", payment_id), {**a_request("authorize", str(uuid4())), **flaw}

    assert statuses(shared_gateway, good, bad) == ["approved", "error"]
    assert next(iter(flaw)) in outcomes(shared_gateway, bad)[0]["reason"]


@pytest.mark.parametrize("content", [b"{", {}, [], [1] * 1001, "text"])
def test_what_is_not_a_batch_is_refused(shared_gateway: Server, content: object) -> None:
    status, answer = shared_gateway.ask("POST", "/v1/operations", content)

    assert status == 400
    assert "body" in answer["error"]


def test_lost_answers_can_be_looked_up(gateway: Server) -> None:
    request = a_request("authorize", "p1")
    (told,) = outcomes(gateway, request)

    assert gateway.ask("POST", "/v1/lookup", [request["idempotency_key"], "never seen"]) == (200, [told, None])


def test_payments_are_shown_by_id_and_exported_in_pages(gateway: Server) -> None:
    outcomes(gateway, *(a_request("authorize", f"p{number}") for number in range(5)))

    _, found = gateway.ask("GET", "/v1/payments?payment_id=p3&payment_id=none&payment_id=p1")
    _, first = gateway.ask("GET", "/v1/payments/export?limit=3")
    _, last = gateway.ask("GET", f"/v1/payments/export?limit=3&after={first['next']}")

    assert [payment["payment_id"] for payment in found] == ["p3", "p1"]
    assert [payment["payment_id"] for payment in first["payments"] + last["payments"]] == [f"p{n}" for n in range(5)]
    assert last["next"] is None


def test_every_sum_adds_up(gateway: Server) -> None:
    for number in range(60):
        steps = [["authorize"], ["authorize", "capture"], ["authorize", "void"], ["authorize", "capture", "refund"]]
        amounts = {"authorize": 100 + number, "capture": 50 + number, "refund": 1 + number // 2}
        for step in steps[number % 4]:
            outcomes(gateway, a_request(step, f"p{number}", amount_minor=amounts.get(step, 0)))

    sums, payments = totals(gateway), gateway.ask("GET", "/v1/payments/export")[1]["payments"]
    kept = sums["held_minor"] + sums["captured_minor"] + sums["released_minor"] + sums["voided_minor"]
    assert sums["authorized_minor"] == kept == sum(payment["authorized_minor"] for payment in payments)
    assert sums["captured_minor"] == sum(payment["captured_minor"] for payment in payments) > 0
    assert sums["refunded_minor"] == sum(payment["refunded_minor"] for payment in payments) > 0
    assert sums["payments"] == len(payments) == sum(sums["states"].values()) == 60


def test_a_restart_forgets_nothing(launch: Launch, tmp_path: Path) -> None:
    journal = str(tmp_path / "payments.jsonl")
    before = launch("sandboxes.payment_gateway", "--journal", journal)
    request, refused = a_request("authorize", "p1"), a_request("authorize", "p2", card_token="tok_chargeDeclined")
    silent = a_request("authorize", "p4", card_token="tok_silent_amex")
    told = outcomes(before, request, refused, silent, a_request("capture", "p1"), a_request("void", "p3"))
    sums = totals(before)
    before.kill()

    after = launch("sandboxes.payment_gateway", "--journal", journal)

    assert totals(after) == sums
    assert outcomes(after, request, refused, silent) == told[:3]
    assert statuses(after, {**request, "amount_minor": 5}) == ["error"]
    assert codes(after, a_request("authorize", "p3")) == ["payment_voided"]


def test_a_line_torn_by_a_crash_is_cut_off(launch: Launch, tmp_path: Path) -> None:
    journal = tmp_path / "payments.jsonl"
    before = launch("sandboxes.payment_gateway", "--journal", str(journal))
    outcomes(before, a_request("authorize", "p1"))
    before.kill()
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"operation":"capt')

    after = launch("sandboxes.payment_gateway", "--journal", str(journal))
    outcomes(after, a_request("capture", "p1"))

    assert totals(after)["captured_minor"] == 1000
    assert journal.read_bytes().startswith(whole + b'{"operation":"capture"')


def test_a_journal_that_cannot_be_read_keeps_the_server_from_starting(tmp_path: Path) -> None:
    journal = tmp_path / "payments.jsonl"
    journal.write_bytes(b"not JSON\n")
    command = [sys.executable, "-m", "sandboxes.payment_gateway", "--port", "1", "--journal", str(journal)]

    ended = subprocess.run(command, cwd=SCRIPTS, capture_output=True, text=True, timeout=20)

    assert ended.returncode != 0
    assert f"{journal}, line 1" in ended.stderr
