"""The carrier's address and credentials are kept, and its secrets cannot be read in the database."""

import base64
import os

import pytest

from persistence.carriers import CarrierConfig, NoCarrier, active_carrier, put_carrier
from persistence.encryption import SealedFieldError
from persistence.postgres_store import PostgresStore

from .conftest import Open

SECRET = "a-secret-nobody-may-read"


@pytest.fixture
def store(open_store: Open, monkeypatch: pytest.MonkeyPatch) -> PostgresStore:
    monkeypatch.setenv("FIELD_ENCRYPTION_KEY", f"k1:{base64.b64encode(os.urandom(32)).decode()}")
    opened = open_store("delivery")
    with opened.transaction() as transaction:
        transaction.connection.execute("DELETE FROM carrier_configs")
    return opened


def test_a_carrier_is_found_again_with_its_credentials_and_its_secret_is_unreadable(store: PostgresStore) -> None:
    config = CarrierConfig("post", "https://post.example/api", {"api_key": SECRET})
    with store.transaction() as transaction:
        put_carrier(transaction.connection, config)

    with store.transaction() as transaction:
        assert active_carrier(transaction.connection) == config
        (stored,) = transaction.connection.execute("SELECT credentials::text FROM carrier_configs").fetchone() or ("",)
    assert "api_key" in stored
    assert SECRET not in stored
    assert SECRET not in repr(config)


def test_the_carrier_that_was_put_last_is_the_active_one(store: PostgresStore) -> None:
    for carrier, url in (("one", "http://one"), ("two", "http://two"), ("one", "http://one.new")):
        with store.transaction() as transaction:
            put_carrier(transaction.connection, CarrierConfig(carrier, url))

    with store.transaction() as transaction:
        assert active_carrier(transaction.connection) == CarrierConfig("one", "http://one.new", {})


def test_a_new_address_leaves_the_credentials_as_they_are_and_new_ones_take_their_place(store: PostgresStore) -> None:
    for config, kept in (
        (CarrierConfig("one", "http://one", {"api_key": SECRET}), SECRET),
        (CarrierConfig("one", "http://one.new"), SECRET),
        (CarrierConfig("one", "http://one.new", {"api_key": "newer"}), "newer"),
        (CarrierConfig("one", "http://one.new", {}), None),
    ):
        with store.transaction() as transaction:
            put_carrier(transaction.connection, config)
        with store.transaction() as transaction:
            found = active_carrier(transaction.connection)
        assert (found.api_endpoint, found.credentials) == (config.api_endpoint, {"api_key": kept} if kept else {})


def test_credentials_of_another_carrier_s_row_do_not_open(store: PostgresStore) -> None:
    with store.transaction() as transaction:
        put_carrier(transaction.connection, CarrierConfig("one", "http://one", {"api_key": SECRET}))
        put_carrier(transaction.connection, CarrierConfig("two", "http://two", {"api_key": "another"}))
        transaction.connection.execute(
            "UPDATE carrier_configs SET credentials = (SELECT credentials FROM carrier_configs WHERE carrier = 'one')"
            " WHERE carrier = 'two'"
        )

    with store.transaction() as transaction, pytest.raises(SealedFieldError):
        active_carrier(transaction.connection)


def test_without_a_carrier_it_is_said_what_to_set(store: PostgresStore) -> None:
    with store.transaction() as transaction, pytest.raises(NoCarrier, match="CARRIER_URL"):
        active_carrier(transaction.connection)
