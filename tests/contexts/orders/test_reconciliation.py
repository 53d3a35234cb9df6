"""Where a payment's record and its charges differ: every status against every place that the money can be."""

from dataclasses import replace
from uuid import UUID

import pytest

from contexts.orders.gateway import Charge
from contexts.orders.payment import Payment, Status
from contexts.orders.reconciliation import UNFINISHED, PaymentRecord, adopt, differences
from contexts.reconciliation import Kind
from tests.contexts.examples import NOW

ORDER, PAYMENT, CENTS, NAME = UUID(int=1), UUID(int=2), 1234, "txn_1"
OURS = PaymentRecord(PAYMENT, ORDER, Status.AUTHORIZED, NAME, "USD", CENTS, 0, 0, NOW)
NOTHING = Charge(PAYMENT, ORDER, NAME, "USD")
THEIRS = {
    "customer": NOTHING,
    "held": replace(NOTHING, held_minor=CENTS),
    "taken": replace(NOTHING, captured_minor=CENTS),
    "given back": replace(NOTHING, captured_minor=CENTS, refunded_minor=CENTS),
}
#: Where a settled payment's money is.
EXPECTED = {
    Status.CREATED: "customer",
    Status.AUTHORIZED: "held",
    Status.CAPTURED: "taken",
    Status.REFUNDED: "given back",
    Status.VOIDED: "customer",
    Status.DECLINED: "customer",
}


def ours(status: Status) -> PaymentRecord:
    captured = CENTS if status in (Status.CAPTURED, Status.REFUNDED) else 0
    return replace(
        OURS, status=status, captured_minor=captured, refunded_minor=CENTS if status is Status.REFUNDED else 0
    )


def kinds(record: PaymentRecord | None, *charges: Charge, complete: bool = True) -> list[Kind]:
    return [one.kind for one in differences(record, charges, complete=complete)]


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("money", THEIRS)
def test_a_settled_payment_differs_just_where_its_money_is_elsewhere(status: Status, money: str) -> None:
    if status in UNFINISHED:
        expected = [Kind.UNFINISHED]
    else:
        expected = [] if EXPECTED[status] == money else [Kind.DIFFERENT_STATE]

    assert kinds(ours(status), THEIRS[money]) == expected


@pytest.mark.parametrize("status", EXPECTED)
def test_only_money_can_be_missing_there_and_only_in_a_whole_answer(status: Status) -> None:
    missing = [] if EXPECTED[status] == "customer" else [Kind.MISSING_THERE]

    assert kinds(ours(status)) == missing
    assert kinds(ours(status), complete=False) == []


@pytest.mark.parametrize("money", THEIRS)
def test_only_money_that_is_held_or_kept_there_can_be_missing_here(money: str) -> None:
    assert kinds(None, THEIRS[money]) == ([Kind.MISSING_HERE] if money in ("held", "taken") else [])


def test_money_that_was_given_back_in_part_is_still_missing_here() -> None:
    assert kinds(None, replace(THEIRS["given back"], refunded_minor=CENTS - 1)) == [Kind.MISSING_HERE]


@pytest.mark.parametrize(
    "other",
    [
        replace(THEIRS["taken"], captured_minor=CENTS - 1),
        replace(THEIRS["taken"], refunded_minor=1),
        replace(THEIRS["taken"], currency="EUR"),
    ],
    ids=["less", "partly given back", "another currency"],
)
def test_the_same_state_with_other_money_is_another_amount(other: Charge) -> None:
    assert kinds(ours(Status.CAPTURED), other) == [Kind.DIFFERENT_AMOUNT]


def test_an_order_that_costs_nothing_needs_no_charge() -> None:
    assert kinds(replace(ours(Status.AUTHORIZED), amount_minor=0)) == []
    assert kinds(replace(ours(Status.CAPTURED), amount_minor=0, captured_minor=0)) == []


@pytest.mark.parametrize("money", THEIRS)
def test_a_second_charge_is_a_difference_while_it_keeps_money(money: str) -> None:
    second = replace(THEIRS[money], transaction_id="txn_2")
    found = [Kind.OTHER_TRANSACTION] if money in ("held", "taken") else []

    assert kinds(ours(Status.AUTHORIZED), THEIRS["held"], second) == found
    assert kinds(ours(Status.AUTHORIZED), second, complete=False) == found


def test_a_payment_that_knows_no_charge_means_the_one_with_the_money() -> None:
    failed, held = NOTHING, replace(THEIRS["held"], transaction_id="txn_2")

    (found,) = differences(replace(ours(Status.VOIDED), transaction_id=None), [failed, held], complete=True)

    assert (found.kind, found.mendable) == (Kind.DIFFERENT_STATE, True)
    assert found.theirs is not None
    assert found.theirs["transaction_id"] == "txn_2"


@pytest.mark.parametrize("status", EXPECTED)
@pytest.mark.parametrize("money", THEIRS)
def test_only_a_hold_for_a_voided_payment_can_be_mended(status: Status, money: str) -> None:
    mendable = [one.mendable for one in differences(ours(status), [THEIRS[money]], complete=True)]

    assert any(mendable) == (status is Status.VOIDED and money == "held")


def test_an_adopted_hold_can_be_reversed_by_its_name() -> None:
    payment = Payment(ORDER, CENTS, "USD", Status.VOIDED, card_brand="visa", card_last_four="4242", attempts=1)

    assert adopt(payment, NAME, NOW)

    request = payment.reverse(NOW)
    assert request is not None
    assert request.transaction_id == NAME
    assert (payment.card_brand, payment.card_last_four) == ("visa", "4242")


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.VOIDED])
def test_a_hold_is_adopted_by_a_voided_payment_only(status: Status) -> None:
    payment = Payment(ORDER, CENTS, "USD", status)

    assert not adopt(payment, NAME, NOW)
    assert (payment.status, payment.transaction_id) == (status, None)


def test_a_difference_has_one_name_a_payment_and_kind() -> None:
    (first,) = differences(ours(Status.CAPTURED), [THEIRS["held"]], complete=True)
    (second,) = differences(ours(Status.VOIDED), [THEIRS["taken"]], complete=True)
    (other,) = differences(ours(Status.CAPTURED), [], complete=True)

    assert first.id == second.id != other.id
