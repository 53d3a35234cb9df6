"""The parts of rows that the peers make up, as the platform's own rows have them."""

import json
from decimal import Decimal
from typing import Any

from benchmarking.workload import OneLineOrder
from demonstration.stock import warehouse_id

#: Where a peer's stock is: one level a product, where the platform has one in each of three warehouses.
WAREHOUSE = warehouse_id("CDNOW-EAST")

ADDRESS = json.dumps(
    {
        "name": "Customer",
        "street": "1 Market Street",
        "city": "Philadelphia",
        "postal_code": "19101",
        "country": "US",
        "state": "PA",
    }
)


def total(order: OneLineOrder) -> Decimal:
    """Return what an order comes to, in major units."""
    return Decimal(order["unit_cents"] * order["quantity"]) / 100


def transaction_id(order: OneLineOrder) -> str:
    """Return what a card network would have answered; a peer asks none."""
    return f"ch_{order['payment_id']}"


def tracking_number(order: OneLineOrder) -> str:
    """Return what a carrier would have answered; a peer asks none."""
    return f"TRK{order['shipment_id']}"


def payment_event(order: OneLineOrder, status: str) -> str:
    """Return the payload of a payment's event, as JSON."""
    payload: dict[str, Any] = {
        "status": status,
        "transaction_id": None if status == "AUTHORIZING" else transaction_id(order),
        "captured_minor": order["unit_cents"] * order["quantity"] if status == "CAPTURED" else 0,
        "refunded_minor": 0,
        "failure_code": None,
    }
    return json.dumps(payload)


def placed_event(order: OneLineOrder) -> str:
    """Return the payload of the event that opens an order, as JSON."""
    return json.dumps({"total_minor": order["unit_cents"] * order["quantity"], "currency": "USD"})
