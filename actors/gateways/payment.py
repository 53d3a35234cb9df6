"""Which payment gateway is used: chosen by its URL."""

from actors.gateways.addresses import InvalidAddress, address_in_environment, server_address
from actors.gateways.sandbox_payment import SandboxPaymentGateway
from actors.gateways.stripe_payment import StripePaymentGateway
from contexts.orders.gateway import PaymentGateway

ALLOWED = "sandbox+http://host:port, stripe+http://KEY@host:port or stripe+https://KEY@api.stripe.com"


def payment_gateway_from(url: str) -> PaymentGateway:
    """Return the gateway of a URL; raises `InvalidAddress` that says which URLs are allowed."""
    address = server_address(url)
    if address.provider == "sandbox":
        return SandboxPaymentGateway(address.url)
    if address.provider != "stripe":
        raise InvalidAddress(f"no payment gateway is called {address.provider!r}: use {ALLOWED}")
    if not address.key:
        raise InvalidAddress(f"the key is missing: use {ALLOWED}")
    return StripePaymentGateway(address.url, address.key)


def payment_gateway_from_environment() -> PaymentGateway:
    """Return the gateway that PAYMENT_GATEWAY_URL names; raises `InvalidAddress` when it is not set or not valid."""
    return payment_gateway_from(address_in_environment("PAYMENT_GATEWAY_URL"))
