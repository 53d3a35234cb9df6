"""The payment gateway and the carrier are chosen by URL."""

import pytest

from actors.gateways.addresses import InvalidAddress, server_address
from actors.gateways.payment import payment_gateway_from, payment_gateway_from_environment
from actors.gateways.sandbox_carrier import SandboxCarrier, carrier_from
from actors.gateways.sandbox_payment import SandboxPaymentGateway
from actors.gateways.stripe_payment import StripePaymentGateway


def test_the_scheme_chooses_the_gateway() -> None:
    assert isinstance(payment_gateway_from("sandbox+http://127.0.0.1:8000"), SandboxPaymentGateway)
    assert isinstance(payment_gateway_from("stripe+http://sk_test_1@127.0.0.1:8000"), StripePaymentGateway)
    assert isinstance(payment_gateway_from("stripe+https://sk_test_1@api.stripe.com"), StripePaymentGateway)


def test_an_address_is_taken_apart() -> None:
    address = server_address("stripe+https://sk_test%5F1@api.stripe.com")

    assert (address.provider, address.url, address.key) == ("stripe", "https://api.stripe.com", "sk_test_1")
    assert server_address("sandbox+http://[::1]:80").url == "http://[::1]:80"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("paypal+http://127.0.0.1:1", "sandbox\\+http://host:port"),
        ("stripe+http://127.0.0.1:1", "the key is missing"),
        ("stripe://sk_test_1@127.0.0.1:1", "provider\\+http://host:port"),
        ("sandbox+http://", "provider\\+http://host:port"),
        ("sandbox+ftp://127.0.0.1", "provider\\+http://host:port"),
        ("sandbox+http://127.0.0.1:99999", "port"),
        ("sandbox+http://[", "not a URL"),
    ],
)
def test_an_address_that_cannot_be_used_says_what_is_allowed(url: str, reason: str) -> None:
    with pytest.raises(InvalidAddress, match=reason):
        payment_gateway_from(url)


@pytest.mark.parametrize(
    "url",
    ["paypal+http://sk_live_secret@127.0.0.1:1", "stripe://sk_live_secret@h:1", "stripe+http://sk_live_secret@h:x"],
)
def test_no_error_shows_the_key(url: str) -> None:
    with pytest.raises(InvalidAddress) as raised:
        payment_gateway_from(url)

    assert "secret" not in str(raised.value)
    assert "secret" not in repr(server_address("stripe+http://sk_live_secret@h:1"))


def test_the_carrier_has_a_plain_url() -> None:
    assert isinstance(carrier_from("http://127.0.0.1:8000"), SandboxCarrier)
    assert isinstance(carrier_from("sandbox+http://127.0.0.1:8000"), SandboxCarrier)
    with pytest.raises(InvalidAddress, match="http://host:port"):
        carrier_from("stripe+http://127.0.0.1:8000")


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYMENT_GATEWAY_URL", "sandbox+http://127.0.0.1:1")
    assert payment_gateway_from_environment()
    monkeypatch.delenv("PAYMENT_GATEWAY_URL")

    with pytest.raises(InvalidAddress, match="PAYMENT_GATEWAY_URL is not set: `scripts/servers env`"):
        payment_gateway_from_environment()
