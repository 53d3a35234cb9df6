"""A payments' and a delivery's actors on schemas of their own, and sandbox servers that know nothing yet."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from actors.delivery import DELIVERY, carrier
from actors.payment_reconciliation import gateway_records
from actors.payments import PAYMENTS, gateway
from actors.shipment_reconciliation import carrier_records
from persistence.postgres_store import PostgresStore
from tests.persistence.own_schemas import own_schema
from tests.sandboxes.launching import Launch, Server, launcher

from .at_work import AtWork


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Start a sandbox server; everything started is ended after the test."""
    with launcher() as start:
        yield start


@pytest.fixture
def card_network(launch: Launch, tmp_path: Path) -> Server:
    """A gateway without payments."""
    return launch("sandboxes.payment_gateway", "--journal", str(tmp_path / "payments.jsonl"))


@pytest.fixture
def desk(launch: Launch, tmp_path: Path) -> Server:
    """A carrier without shipments."""
    return launch("sandboxes.carrier", "--journal", str(tmp_path / "shipments.jsonl"))


@pytest.fixture(scope="session")
def orders_url() -> Iterator[str]:
    """A schema of the orders context."""
    with own_schema("orders") as url:
        yield url


@pytest.fixture(scope="session")
def delivery_url() -> Iterator[str]:
    """A schema of delivery."""
    with own_schema("delivery") as url:
        yield url


@pytest.fixture
def payments(orders_url: str, card_network: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[AtWork]:
    """The payments' actors, with empty tables."""
    monkeypatch.setenv("ORDERS_DATABASE_URL", orders_url)
    monkeypatch.setenv("PAYMENT_GATEWAY_URL", f"sandbox+{card_network.url}")
    with psycopg.connect(orders_url, autocommit=True) as connection:
        tables = "orders, payments, payment_discrepancies, reconciliations, inbox, outbox, dead_letters"
        connection.execute(f"TRUNCATE {tables} CASCADE".encode())
    store = PostgresStore("orders", connections=2)
    yield AtWork(PAYMENTS, store, orders_url, "payment")
    store.close()
    gateway.cache_clear()
    gateway_records.cache_clear()


@pytest.fixture
def delivery(delivery_url: str, desk: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[AtWork]:
    """Delivery's actors, with empty tables."""
    monkeypatch.setenv("DELIVERY_DATABASE_URL", delivery_url)
    monkeypatch.setenv("CARRIER_URL", desk.url)
    with psycopg.connect(delivery_url, autocommit=True) as connection:
        tables = "shipments, shipment_discrepancies, reconciliations, inbox, outbox, dead_letters"
        connection.execute(f"TRUNCATE {tables} CASCADE".encode())
    store = PostgresStore("delivery", connections=2)
    yield AtWork(DELIVERY, store, delivery_url, "shipment")
    store.close()
    carrier.cache_clear()
    carrier_records.cache_clear()
