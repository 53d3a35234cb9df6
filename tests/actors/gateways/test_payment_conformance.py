"""What every payment gateway adapter does, tried against real servers: the sandbox and a Stripe-like one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from actors.gateways.sandbox_payment import SandboxPaymentGateway
from actors.gateways.stripe_payment import StripePaymentGateway
from contexts.orders.gateway import (
    Approved,
    Declined,
    GatewayRequest,
    Operation,
    PaymentGateway,
    Unknown,
)
from tests.sandboxes.launching import Launch, free_port

from .providers import Provider, SandboxProvider, StripeProvider, Truth

AMOUNT = 1234


@pytest.fixture(scope="session")
def sandbox(launch: Launch, tmp_path_factory: pytest.TempPathFactory) -> Provider:
    journal = tmp_path_factory.mktemp("payments") / "payments.jsonl"
    return SandboxProvider(launch("sandboxes.payment_gateway", "--journal", str(journal)))


@pytest.fixture(scope="session")
def stripe_like(launch: Launch) -> Provider:
    server = launch("local_servers.stripe_like", healthy_path="/v1/payment_intents")
    return StripeProvider(launch("sandboxes.fault_proxy", "--upstream", server.url), server)


@pytest.fixture(params=["sandbox", "stripe_like"])
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    """A provider without faults, and without them again after the test."""
    chosen: Provider = request.getfixturevalue(request.param)
    yield chosen
    chosen.line.ask("DELETE", "/faults")


@pytest.fixture
def gateway(provider: Provider) -> PaymentGateway:
    return provider.gateway()


def a_request(operation: Operation, payment_id: UUID, **other: Any) -> GatewayRequest:
    values: dict[str, Any] = {"amount_minor": AMOUNT, "currency": "USD", **other}
    if operation is Operation.AUTHORIZE:
        values.setdefault("card_token", "tok_visa")
    return GatewayRequest(operation, uuid4(), payment_id, uuid4(), **values)


def perform(gateway: PaymentGateway, request: GatewayRequest) -> Approved | Declined | Unknown:
    (outcome,) = gateway.perform([request])
    return outcome


def approved(gateway: PaymentGateway, request: GatewayRequest) -> str:
    """Perform a request that must be approved; return the transaction."""
    outcome = perform(gateway, request)
    assert isinstance(outcome, Approved), outcome
    return outcome.transaction_id


def a_payment(gateway: PaymentGateway, *operations: Operation) -> tuple[UUID, str]:
    """Bring a new payment so far; return its id and its transaction."""
    payment_id = uuid4()
    transaction_id = approved(gateway, a_request(Operation.AUTHORIZE, payment_id))
    for operation in operations:
        approved(gateway, a_request(operation, payment_id, transaction_id=transaction_id))
    return payment_id, transaction_id


def switch(provider: Provider, **settings: float) -> None:
    assert provider.line.ask("PUT", "/faults", settings)[0] == 200


def test_an_authorisation_holds_the_amount_and_tells_the_card(provider: Provider, gateway: PaymentGateway) -> None:
    payment_id = uuid4()

    outcome = perform(gateway, a_request(Operation.AUTHORIZE, payment_id))

    assert isinstance(outcome, Approved)
    assert (outcome.card_brand, outcome.card_last_four) == ("visa", "4242")
    assert provider.truth(payment_id) == Truth(authorizations=1, held_minor=AMOUNT)


def test_a_capture_takes_what_is_held(provider: Provider, gateway: PaymentGateway) -> None:
    payment_id, _ = a_payment(gateway, Operation.CAPTURE)

    assert provider.truth(payment_id) == Truth(authorizations=1, captured_minor=AMOUNT)


def test_a_declined_card_holds_nothing(provider: Provider, gateway: PaymentGateway) -> None:
    payment_id = uuid4()

    outcome = perform(gateway, a_request(Operation.AUTHORIZE, payment_id, card_token="tok_chargeDeclined"))

    assert isinstance(outcome, Declined)
    assert outcome.code == {"sandbox": "generic_decline", "stripe": "card_declined"}[provider.name]
    assert outcome.reason
    assert provider.truth(payment_id) == Truth()


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("tok_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("tok_chargeDeclinedExpiredCard", "expired_card"),
    ],
)
def test_a_decline_tells_the_issuers_code(provider: Provider, gateway: PaymentGateway, token: str, code: str) -> None:
    if provider.name == "stripe":
        pytest.skip("localstripe has no test payment method that is declined with this code")

    outcome = perform(gateway, a_request(Operation.AUTHORIZE, uuid4(), card_token=token))

    assert isinstance(outcome, Declined)
    assert outcome.code == code


@pytest.mark.parametrize("wrong", [{"card_token": "tok_nobody"}, {"card_token": None}, {"amount_minor": 0}], ids=str)
def test_what_can_never_be_authorised_is_declined(gateway: PaymentGateway, wrong: dict[str, Any]) -> None:
    outcome = perform(gateway, a_request(Operation.AUTHORIZE, uuid4(), **wrong))

    assert isinstance(outcome, Declined)
    assert outcome.code
    assert outcome.reason


def test_a_void_lets_go_what_is_held_for_good(provider: Provider, gateway: PaymentGateway) -> None:
    payment_id, transaction_id = a_payment(gateway, Operation.VOID)

    outcome = perform(gateway, a_request(Operation.CAPTURE, payment_id, transaction_id=transaction_id))

    assert isinstance(outcome, Declined)
    assert provider.truth(payment_id) == Truth(authorizations=1)


def test_a_void_of_what_was_never_authorised_is_approved(gateway: PaymentGateway) -> None:
    assert perform(gateway, a_request(Operation.VOID, uuid4())) == Approved("")


def test_a_void_twice_is_approved_twice(gateway: PaymentGateway) -> None:
    payment_id, transaction_id = a_payment(gateway, Operation.VOID)

    assert approved(gateway, a_request(Operation.VOID, payment_id, transaction_id=transaction_id)) == transaction_id


def test_what_was_taken_can_no_longer_be_voided(provider: Provider, gateway: PaymentGateway) -> None:
    payment_id, transaction_id = a_payment(gateway, Operation.CAPTURE)

    outcome = perform(gateway, a_request(Operation.VOID, payment_id, transaction_id=transaction_id))

    assert isinstance(outcome, Declined)
    assert provider.truth(payment_id).captured_minor == AMOUNT


def test_a_refund_gives_back_what_was_taken(provider: Provider, gateway: PaymentGateway) -> None:
    payment_id, _ = a_payment(gateway, Operation.CAPTURE, Operation.REFUND)

    assert provider.truth(payment_id).refunded_minor == AMOUNT


def test_more_than_what_was_taken_is_not_given_back(provider: Provider, gateway: PaymentGateway) -> None:
    if provider.name == "stripe":
        pytest.skip("localstripe accepts refunds that are larger than the charge")
    payment_id, transaction_id = a_payment(gateway, Operation.CAPTURE)
    too_much = a_request(Operation.REFUND, payment_id, transaction_id=transaction_id, amount_minor=AMOUNT + 1)

    outcome = perform(gateway, too_much)

    assert isinstance(outcome, Declined)
    assert provider.truth(payment_id).refunded_minor == 0


@pytest.mark.parametrize("operation", [Operation.CAPTURE, Operation.REFUND])
def test_what_was_never_authorised_is_neither_taken_nor_given_back(
    gateway: PaymentGateway, operation: Operation
) -> None:
    assert isinstance(perform(gateway, a_request(operation, uuid4())), Declined)


def test_a_capture_repeated_under_its_key_charges_once(provider: Provider, gateway: PaymentGateway) -> None:
    payment_id, transaction_id = a_payment(gateway)
    capture = a_request(Operation.CAPTURE, payment_id, transaction_id=transaction_id)

    assert approved(gateway, capture) == approved(gateway, capture) == transaction_id
    assert provider.truth(payment_id) == Truth(authorizations=1, captured_minor=AMOUNT)


def test_a_key_used_for_another_request_leaves_it_unknown(provider: Provider, gateway: PaymentGateway) -> None:
    if provider.name == "stripe":
        pytest.skip("localstripe ignores Idempotency-Key")
    request = a_request(Operation.AUTHORIZE, uuid4())
    approved(gateway, request)

    assert isinstance(perform(gateway, replace(request, amount_minor=1)), Unknown)


@pytest.mark.parametrize("operation", list(Operation))
def test_a_lost_answer_is_adopted_and_nothing_done_twice(
    provider: Provider, gateway: PaymentGateway, operation: Operation
) -> None:
    earlier = {Operation.CAPTURE: [], Operation.VOID: [], Operation.REFUND: [Operation.CAPTURE]}
    payment_id, transaction_id = uuid4(), None
    if operation is not Operation.AUTHORIZE:
        payment_id, transaction_id = a_payment(gateway, *earlier[operation])
    request = a_request(operation, payment_id, transaction_id=transaction_id)
    switch(provider, drop_after_rate=1)
    assert isinstance(perform(gateway, request), Unknown)
    switch(provider)
    done = provider.truth(payment_id)

    again = perform(gateway, replace(request, asked_before=True))

    assert isinstance(again, Approved)
    assert provider.truth(payment_id) == done
    assert (
        done
        == {
            Operation.AUTHORIZE: Truth(1, held_minor=AMOUNT),
            Operation.CAPTURE: Truth(1, captured_minor=AMOUNT),
            Operation.VOID: Truth(1),
            Operation.REFUND: Truth(1, captured_minor=AMOUNT, refunded_minor=AMOUNT),
        }[operation]
    )


def test_an_adopted_authorisation_tells_the_card_and_can_be_captured(
    provider: Provider, gateway: PaymentGateway
) -> None:
    request = a_request(Operation.AUTHORIZE, uuid4())
    switch(provider, drop_after_rate=1)
    perform(gateway, request)
    switch(provider)

    adopted = perform(gateway, replace(request, asked_before=True))

    assert isinstance(adopted, Approved)
    assert (adopted.card_brand, adopted.card_last_four) == ("visa", "4242")
    approved(gateway, a_request(Operation.CAPTURE, request.payment_id, transaction_id=adopted.transaction_id))
    assert provider.truth(request.payment_id) == Truth(authorizations=1, captured_minor=AMOUNT)


def test_a_lost_decline_is_adopted(provider: Provider, gateway: PaymentGateway) -> None:
    request = a_request(Operation.AUTHORIZE, uuid4(), card_token="tok_chargeDeclined")
    switch(provider, drop_after_rate=1)
    perform(gateway, request)
    switch(provider)

    assert isinstance(perform(gateway, replace(request, asked_before=True)), Declined)
    assert provider.truth(request.payment_id) == Truth()


def test_a_payment_whose_transaction_nobody_learnt_can_be_voided(provider: Provider, gateway: PaymentGateway) -> None:
    request = a_request(Operation.AUTHORIZE, uuid4())
    switch(provider, drop_after_rate=1)
    perform(gateway, request)
    switch(provider)

    assert approved(gateway, a_request(Operation.VOID, request.payment_id))
    assert provider.truth(request.payment_id) == Truth(authorizations=1)


@pytest.mark.parametrize("fault", ["error_rate", "drop_before_rate"])
def test_a_request_that_never_arrived_is_performed_when_asked_again(
    provider: Provider, gateway: PaymentGateway, fault: str
) -> None:
    request = a_request(Operation.AUTHORIZE, uuid4())
    switch(provider, **{fault: 1})
    assert isinstance(perform(gateway, request), Unknown)
    assert isinstance(perform(gateway, replace(request, asked_before=True)), Unknown)
    switch(provider)

    assert approved(gateway, replace(request, asked_before=True))
    assert provider.truth(request.payment_id) == Truth(authorizations=1, held_minor=AMOUNT)


def test_an_answer_that_takes_too_long_leaves_it_unknown(provider: Provider) -> None:
    hasty = provider.gateway(timeout_seconds=0.3)
    request = a_request(Operation.AUTHORIZE, uuid4())
    switch(provider, timeout_rate=1, timeout_seconds=2)
    assert isinstance(perform(hasty, request), Unknown)
    switch(provider)

    assert approved(provider.gateway(), replace(request, asked_before=True))
    assert provider.truth(request.payment_id).authorizations == 1


def test_a_server_that_is_down_leaves_every_request_unknown(provider: Provider) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    gateway: PaymentGateway = SandboxPaymentGateway(url)
    if provider.name == "stripe":
        gateway = StripePaymentGateway(url, "sk_test_nobody")

    outcomes = gateway.perform([a_request(operation, uuid4()) for operation in Operation])

    assert [type(outcome) for outcome in outcomes] == [Unknown] * 4


def test_outcomes_come_in_the_order_of_the_requests(provider: Provider, gateway: PaymentGateway) -> None:
    known = a_request(Operation.AUTHORIZE, uuid4())
    transaction_id = approved(gateway, known)
    good = [a_request(Operation.AUTHORIZE, uuid4()) for _ in range(3)]
    bad = a_request(Operation.AUTHORIZE, uuid4(), card_token="tok_chargeDeclined")
    lost = a_request(Operation.AUTHORIZE, uuid4(), asked_before=True)

    outcomes = gateway.perform([good[0], bad, replace(known, asked_before=True), lost, good[1], good[2]])

    expected = [Approved, Declined, Approved, Approved, Approved, Approved]
    assert [type(outcome) for outcome in outcomes] == expected
    assert isinstance(outcomes[2], Approved)
    assert outcomes[2].transaction_id == transaction_id
    assert all(provider.truth(request.payment_id).authorizations == 1 for request in [*good, known, lost])


def test_no_requests_have_no_outcomes(gateway: PaymentGateway) -> None:
    assert list(gateway.perform([])) == []


def test_threads_that_share_a_gateway_get_each_their_own_answers(gateway: PaymentGateway) -> None:
    tokens = ["tok_visa", "tok_chargeDeclined"]
    batches = [[a_request(Operation.AUTHORIZE, uuid4(), card_token=tokens[n % 2])] for n in range(24)]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(gateway.perform, batches))

    assert [type(outcomes[0]) for outcomes in answers] == [Approved, Declined] * 12
    transactions = [outcomes[0].transaction_id for outcomes in answers if isinstance(outcomes[0], Approved)]
    assert len(set(transactions)) == 12
