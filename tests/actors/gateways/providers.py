"""The payment providers that both adapters are tried against, each with a way to see what it really did."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from stripe import PaymentIntent, StripeClient

from actors.gateways.sandbox_payment import SandboxPaymentGateway
from actors.gateways.stripe_payment import StripePaymentGateway
from contexts.orders.gateway import PaymentGateway
from tests.sandboxes.launching import Server

STRIPE_KEY = "sk_test_conformance"


@dataclass
class Truth:
    """What a provider did for one payment. Amounts are minor currency units."""

    authorizations: int = 0
    held_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0


class Provider(Protocol):
    """A provider with its adapter; `line` is the server whose faults can be switched."""

    name: str
    line: Server

    def gateway(self, timeout_seconds: float = 5) -> PaymentGateway:
        """Return a new adapter."""
        ...

    def truth(self, payment_id: UUID) -> Truth:
        """Ask the provider itself."""
        ...


@dataclass
class SandboxProvider:
    """Our sandbox gateway."""

    line: Server
    name: str = "sandbox"

    def gateway(self, timeout_seconds: float = 5) -> PaymentGateway:
        return SandboxPaymentGateway(self.line.url, timeout_seconds)

    def truth(self, payment_id: UUID) -> Truth:
        _, payments = self.line.ask("GET", f"/v1/payments?payment_id={payment_id}")
        truth = Truth()
        for payment in payments:
            truth.authorizations += 1
            truth.held_minor += payment["authorized_minor"] if payment["state"] == "authorized" else 0
            truth.captured_minor += payment["captured_minor"]
            truth.refunded_minor += payment["refunded_minor"]
        return truth


@dataclass
class StripeProvider:
    """A Stripe-like server behind a faulty line."""

    line: Server
    server: Server
    name: str = "stripe"

    def gateway(self, timeout_seconds: float = 5) -> PaymentGateway:
        return StripePaymentGateway(self.line.url, STRIPE_KEY, timeout_seconds)

    def truth(self, payment_id: UUID) -> Truth:
        client = StripeClient(STRIPE_KEY, base_addresses={"api": self.server.url})
        intents = client.v1.payment_intents.list({"limit": 100}).auto_paging_iter()
        truth = Truth()
        for intent in intents:
            if getattr(intent.metadata, "payment_id", None) == str(payment_id) and intent.last_payment_error is None:
                _add(truth, intent, client)
        return truth


def _add(truth: Truth, intent: PaymentIntent, client: StripeClient) -> None:
    truth.authorizations += 1
    truth.held_minor += intent.amount if intent.status == "requires_capture" else 0
    truth.captured_minor += intent.amount if intent.status == "succeeded" else 0
    refunds = client.v1.refunds.list({"payment_intent": intent.id}).auto_paging_iter()
    truth.refunded_minor += sum(refund.amount for refund in refunds)
