"""What the providers' own records say, read by every adapter from real servers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from actors.gateways.sandbox_carrier import SandboxCarrier
from actors.gateways.sandbox_payment import SandboxPaymentGateway
from actors.gateways.sandbox_reports import NAMES_A_REQUEST
from contexts.delivery import carrier
from contexts.orders.gateway import (
    Approved,
    Charge,
    ChargePage,
    ChargeReference,
    ChargesBetween,
    ChargesOf,
    GatewayRequest,
    Operation,
    PaymentGateway,
    Unknown,
)
from tests.contexts.examples import ADDRESS
from tests.sandboxes.launching import Launch, launcher

from .providers import Provider, SandboxProvider, StripeProvider

CENTS = 1234
SINCE, UNTIL = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture(scope="module")
def start() -> Iterator[Launch]:
    """Start servers that end with this module: what a list holds is then known."""
    with launcher() as begin:
        yield begin


@pytest.fixture(scope="module")
def sandbox(start: Launch, tmp_path_factory: pytest.TempPathFactory) -> Provider:
    journal = tmp_path_factory.mktemp("payments") / "payments.jsonl"
    return SandboxProvider(start("sandboxes.payment_gateway", "--journal", str(journal)))


@pytest.fixture(scope="module")
def stripe_like(start: Launch) -> Provider:
    server = start("local_servers.stripe_like", healthy_path="/v1/payment_intents")
    return StripeProvider(start("sandboxes.fault_proxy", "--upstream", server.url), server)


@pytest.fixture(params=["sandbox", "stripe_like"])
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    """A provider without faults, and without them again after the test."""
    chosen: Provider = request.getfixturevalue(request.param)
    yield chosen
    chosen.line.ask("DELETE", "/faults")


@pytest.fixture
def gateway(provider: Provider) -> PaymentGateway:
    return provider.gateway()


def a_payment(gateway: PaymentGateway, *operations: Operation) -> GatewayRequest:
    """Bring a new payment so far; return its last request."""
    payment_id, order_id, name = uuid4(), uuid4(), None
    for operation in (Operation.AUTHORIZE, *operations):
        request = GatewayRequest(operation, uuid4(), payment_id, order_id, CENTS, "USD", "tok_visa", name)
        (outcome,) = gateway.perform([request])
        assert isinstance(outcome, Approved), outcome
        name = outcome.transaction_id
    return GatewayRequest(Operation.VOID, uuid4(), payment_id, order_id, CENTS, "USD", None, name)


def page(answer: ChargePage | Unknown) -> ChargePage:
    assert isinstance(answer, ChargePage), answer
    return answer


def all_listed(gateway: PaymentGateway, limit: int) -> list[Charge]:
    """Read a list to its end, page by page."""
    listed: list[Charge] = []
    after = ""
    while True:
        one = page(gateway.report(ChargesBetween(SINCE, UNTIL, after, limit)))
        listed += one.charges
        if one.next is None:
            return listed
        assert one.next != after
        after = one.next


@pytest.mark.parametrize("known_by_name", [True, False])
def test_a_payment_is_told_with_where_its_money_is(gateway: PaymentGateway, known_by_name: bool) -> None:
    held = a_payment(gateway)
    taken = a_payment(gateway, Operation.CAPTURE)
    back = a_payment(gateway, Operation.CAPTURE, Operation.REFUND)
    let_go = a_payment(gateway, Operation.VOID)
    made = [held, taken, back, let_go]
    references = [ChargeReference(one.payment_id, (one.transaction_id or "",) if known_by_name else ()) for one in made]

    charges = page(gateway.report(ChargesOf(tuple(references)))).charges

    money = {one.payment_id: (one.held_minor, one.captured_minor, one.refunded_minor) for one in charges}
    assert money == {
        held.payment_id: (CENTS, 0, 0),
        taken.payment_id: (0, CENTS, 0),
        back.payment_id: (0, CENTS, CENTS),
        let_go.payment_id: (0, 0, 0),
    }
    assert {(one.payment_id, one.order_id, one.transaction_id, one.currency) for one in charges} == {
        (one.payment_id, one.order_id, one.transaction_id, "USD") for one in made
    }


def test_of_a_payment_that_the_provider_does_not_know_nothing_is_told(gateway: PaymentGateway) -> None:
    known = a_payment(gateway)
    references = (
        ChargeReference(uuid4(), ("pi_nowhere",)),
        ChargeReference(known.payment_id),
        ChargeReference(uuid4()),
    )

    charges = page(gateway.report(ChargesOf(references))).charges

    assert [one.payment_id for one in charges] == [known.payment_id]


def test_the_list_has_every_payment_once_however_small_its_pages(gateway: PaymentGateway) -> None:
    made = {a_payment(gateway).payment_id for _ in range(5)}

    listed = [one.payment_id for one in all_listed(gateway, limit=2)]

    assert made <= set(listed)
    assert len(set(listed)) == len(listed)


def test_a_list_that_only_grows_is_gone_on_with_where_it_ended(sandbox: Provider) -> None:
    gateway = sandbox.gateway()
    a_payment(gateway)
    end = page(gateway.report(ChargesBetween(SINCE, UNTIL, "", 1000))).end
    late = a_payment(gateway)

    following = page(gateway.report(ChargesBetween(SINCE, UNTIL, end, 1000)))

    assert [one.payment_id for one in following.charges] == [late.payment_id]
    assert page(gateway.report(ChargesBetween(SINCE, UNTIL, following.end, 1000))) == ChargePage(
        (), None, following.end
    )


def test_stripe_s_list_is_of_the_window(stripe_like: Provider) -> None:
    gateway = stripe_like.gateway()
    a_payment(gateway)

    assert page(gateway.report(ChargesBetween(SINCE, SINCE + timedelta(minutes=1), "", 100))).charges == ()


def test_what_another_business_sold_on_the_same_account_is_left_out(stripe_like: Provider) -> None:
    gateway = stripe_like.gateway()
    foreign = {"amount": "500", "currency": "usd", "metadata[payment_id]": "4711", "metadata[order_id]": "4712"}
    answer = stripe_like.line.http.request(
        "POST",
        f"{stripe_like.line.url}/v1/payment_intents",
        fields=foreign,
        encode_multipart=False,
        headers={"Authorization": "Bearer sk_test_conformance"},
    )
    assert answer.status == 200
    assert answer.json()["id"] not in {one.transaction_id for one in all_listed(gateway, limit=100)}


def test_more_payments_than_one_request_names_are_all_told(sandbox: Provider) -> None:
    gateway = sandbox.gateway()
    made = [
        GatewayRequest(Operation.AUTHORIZE, uuid4(), uuid4(), uuid4(), CENTS, "USD", "tok_visa") for _ in range(250)
    ]
    gateway.perform(made)
    assert len(made) > 2 * NAMES_A_REQUEST

    charges = page(gateway.report(ChargesOf(tuple(ChargeReference(one.payment_id) for one in made)))).charges

    assert {one.payment_id for one in charges} == {one.payment_id for one in made}


@pytest.mark.parametrize("asked", [ChargesOf((ChargeReference(uuid4()),)), ChargesBetween(SINCE, UNTIL, "", 10)])
def test_a_provider_that_fails_tells_nothing(
    provider: Provider, gateway: PaymentGateway, asked: ChargesOf | ChargesBetween
) -> None:
    provider.line.ask("PUT", "/faults", {"error_rate": 1})

    assert isinstance(gateway.report(asked), Unknown)


def test_a_record_without_an_id_of_ours_is_left_out(sandbox: Provider, caplog: pytest.LogCaptureFixture) -> None:
    request = {"operation": "authorize", "idempotency_key": "by hand", "payment_id": "4711", "order_id": "4712"}
    sandbox.line.ask(
        "POST", "/v1/operations", [{**request, "amount_minor": 5, "currency": "USD", "card_token": "tok_visa"}]
    )
    known = a_payment(sandbox.gateway())

    listed = all_listed(sandbox.gateway(), limit=1000)

    assert listed[-1].payment_id == known.payment_id
    assert "left out" in caplog.text


def test_labels_are_told_by_shipment_and_listed_in_pages(start: Launch, tmp_path: Path) -> None:
    desk = SandboxCarrier(start("sandboxes.carrier", "--journal", str(tmp_path / "shipments.jsonl")).url)
    booked, cancelled, refused, unknown = (uuid4() for _ in range(4))
    requests = [_booking(booked), _booking(cancelled), _booking(refused, "REFUSE")]
    desk.perform(requests)
    desk.perform([_booking(cancelled, operation=carrier.Operation.CANCEL)])

    looked_up = desk.report(carrier.LabelsOf((booked, cancelled, refused, unknown)))
    first = desk.report(carrier.LabelsBetween(SINCE, UNTIL, "", 2))

    assert isinstance(looked_up, carrier.LabelPage)
    assert {one.shipment_id: one.alive for one in looked_up.labels} == {booked: True, cancelled: False, refused: False}
    assert looked_up.labels[0].tracking_number is not None
    assert looked_up.labels[0].order_id == booked
    assert isinstance(first, carrier.LabelPage)
    assert ([one.shipment_id for one in first.labels], first.next) == ([booked, cancelled], "2")
    last = desk.report(carrier.LabelsBetween(SINCE, UNTIL, "2", 2))
    assert isinstance(last, carrier.LabelPage)
    assert ([one.shipment_id for one in last.labels], last.next, last.end) == ([refused], None, "3")


def _booking(
    shipment_id: UUID, postal_code: str = "12345", operation: carrier.Operation = carrier.Operation.BOOK
) -> carrier.CarrierRequest:
    address = {**ADDRESS.model_dump(), "postal_code": postal_code}
    return carrier.CarrierRequest(operation, shipment_id, shipment_id, "STANDARD", address, 1)


def test_servers_that_are_away_tell_nothing() -> None:
    nowhere = "http://127.0.0.1:1"

    assert isinstance(SandboxPaymentGateway(nowhere).report(ChargesBetween(SINCE, UNTIL, "", 1)), Unknown)
    assert isinstance(SandboxCarrier(nowhere).report(carrier.LabelsOf((uuid4(),))), carrier.Unknown)
