"""The customers: each of the data's numbers with an id, an e-mail address, a home, and an order to send."""

import time
from typing import Any
from uuid import UUID, uuid5

import orjson

from contexts.identity import dated
from demonstration.catalogue import CDNOW, product_id
from demonstration.cdnow import Purchase
from demonstration.outcomes import MORE_THAN_THERE_IS, Fate

#: City, state and the first digits of the postal code: where the customers live, in turn.
_HOMES = (
    ("Philadelphia", "PA", "191"),
    ("Boston", "MA", "021"),
    ("Chicago", "IL", "606"),
    ("Austin", "TX", "787"),
    ("Seattle", "WA", "981"),
    ("Denver", "CO", "802"),
)

#: The carrier does not go where a postal code begins like this.
REFUSED_POSTAL_CODE = "REFUSE-1"

CARD, DECLINED_CARD = "tok_visa", "tok_chargeDeclined"


def customer_id(number: int) -> UUID:
    """Name a customer."""
    return uuid5(CDNOW, f"customer/{number}")


def idempotency_key(run: str, number: int) -> str:
    """Return a key for an order, to be kept for its repeats, as a careful client makes it: a version 7 UUID."""
    return str(made_now(uuid5(CDNOW, f"{run}/{number}")))


def made_now(identity: UUID) -> UUID:
    """Put the present time in front of an id."""
    return dated(identity, time.time_ns() // 1_000_000)


def order_body(purchase: Purchase, fate: Fate) -> bytes:
    """Return what is posted: the purchase as an order, changed so that it meets its fate."""
    lines = [{"product_id": product_id(cents), "quantity": units} for cents, units in purchase.lines]
    address = _address(purchase.customer)
    if fate is Fate.MORE_THAN_THERE_IS:
        lines[0]["quantity"] = MORE_THAN_THERE_IS
    if fate is Fate.NO_CARRIER:
        address["postal_code"] = REFUSED_POSTAL_CODE
    token = DECLINED_CARD if fate is Fate.DECLINED_CARD else CARD
    return orjson.dumps(
        {
            "customer": {
                "id": customer_id(purchase.customer),
                "email": f"customer-{purchase.customer:05}@example.com",
            },
            "currency": "USD",
            "lines": lines,
            "shipping_address": address,
            "payment": {"method": "card", "token": token},
        }
    )


def _address(number: int) -> dict[str, Any]:
    city, state, region = _HOMES[number % len(_HOMES)]
    return {
        "name": f"Customer {number:05}",
        "street": f"{number % 900 + 1} Market Street",
        "city": city,
        "state": state,
        "postal_code": f"{region}{number % 100:02}",
        "country": "US",
    }
