"""Which carrier fetches the parcels, and how it is reached: `carrier_configs`, its credentials sealed."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import Connection

from contexts.identity import named
from persistence.encryption import FieldCipher
from persistence.setwise import json_text

#: The namespace of the rows' ids: one carrier, one row.
CARRIERS = UUID("1f0c4f53-3f0d-4c0e-8a53-7a1f7a0a5d21")


class NoCarrier(LookupError):
    """Raised when no carrier is active."""


@dataclass(frozen=True, slots=True)
class CarrierConfig:
    """A carrier, the address of its interface, and what opens it: names and secrets, unreadable in the database.

    None of them (and not an empty dictionary) leaves those that are stored as they are.
    """

    carrier: str
    api_endpoint: str
    credentials: dict[str, str] | None = field(default=None, repr=False)

    @property
    def id(self) -> UUID:
        return named(CARRIERS, self.carrier)


def put_carrier(connection: Connection[Any], config: CarrierConfig) -> None:
    """Add a carrier or change its row, and make it the active one.

    Raises `EncryptionKeyError` if there are credentials and no FIELD_ENCRYPTION_KEY.
    """
    sealed = {}
    if config.credentials:
        cipher = FieldCipher.from_environment()
        sealed = {name: cipher.seal(secret, config.id) for name, secret in config.credentials.items()}
    connection.execute("UPDATE carrier_configs SET active = false WHERE active AND carrier <> %s", (config.carrier,))
    connection.execute(
        "INSERT INTO carrier_configs (id, carrier, api_endpoint, credentials) VALUES (%s, %s, %s, %s::jsonb)"
        " ON CONFLICT (carrier) DO UPDATE SET api_endpoint = excluded.api_endpoint,"
        " credentials = CASE WHEN %s THEN carrier_configs.credentials ELSE excluded.credentials END, active = true",
        (config.id, config.carrier, config.api_endpoint, json_text(sealed), config.credentials is None),
    )


def active_carrier(connection: Connection[Any]) -> CarrierConfig:
    """Return the active carrier; raises `NoCarrier`, and `SealedFieldError` for credentials of another key or row."""
    row = connection.execute(
        "SELECT id, carrier, api_endpoint, credentials FROM carrier_configs WHERE active ORDER BY carrier LIMIT 1"
    ).fetchone()
    if row is None:
        raise NoCarrier("no carrier is active: set CARRIER_URL, which `scripts/servers env` prints")
    identity, carrier, api_endpoint, sealed = row
    cipher = FieldCipher.from_environment() if sealed else None
    credentials = {name: cipher.open(secret, identity) for name, secret in sealed.items()} if cipher else {}
    return CarrierConfig(carrier, api_endpoint, credentials)
