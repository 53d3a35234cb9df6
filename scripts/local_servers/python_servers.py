"""The servers that are Python programs: the mail catcher, the Stripe-like gateway and the sandboxes."""

import sys

from local_servers import places, probes, variables
from local_servers.processes import Command
from local_servers.server import Server

SCRIPTS = places.ROOT / "scripts"


def servers() -> tuple[Server, ...]:
    """All of them."""
    return (
        Server("mail-catcher", ("SMTP_URL",), _prepare_mail, _check_mail, directories=lambda: (places.maildir(),)),
        Server("stripe", ("STRIPE_GATEWAY_URL",), _prepare_stripe, _check_stripe),
        _sandbox("payment-gateway", "PAYMENT_GATEWAY_URL", "sandboxes.payment_gateway"),
        _sandbox("carrier", "CARRIER_URL", "sandboxes.carrier"),
    )


def _prepare_mail() -> Command:
    return _module("local_servers.mail_catcher", "mail-catcher", "--maildir", str(places.maildir()))


def _check_mail() -> None:
    probes.smtp(variables.private()["SMTP_URL"])


def _prepare_stripe() -> Command:
    return _module("local_servers.stripe_like", "stripe")


def _check_stripe() -> None:
    probes.http(variables.private()["STRIPE_GATEWAY_URL"])


def _sandbox(name: str, variable: str, module: str) -> Server:
    def prepare() -> Command:
        return _module(module, name, "--journal", str(places.directory(name) / "journal"))

    def check() -> None:
        probes.http(f"http://{variables.at(name)}/healthz")

    return Server(name, (variable,), prepare, check)


def _module(module: str, name: str, *arguments: str) -> Command:
    command = (sys.executable, "-m", module, "--port", str(places.port(name)), *arguments)
    return Command(command, {"PYTHONPATH": str(SCRIPTS), "PYTHONUNBUFFERED": "1"})
