"""The actors of delivery."""

import logging
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from actors.gateways.sandbox_carrier import carrier_from
from actors.runtime.context import SIDE_BY_SIDE, Context
from actors.runtime.handlers import TryAgain
from contexts.delivery.carrier import CarrierRequest
from contexts.delivery.messages import (
    CancellationRefused,
    CancelShipment,
    DeliveryRefused,
    RecallRefused,
    RecallShipment,
    ScheduleDelivery,
    ShipmentCancelled,
    ShipmentRecalled,
    ShipmentScheduled,
    ShowShipment,
)
from contexts.delivery.model import Outcome, Shipments, Status
from contexts.messages import Event
from contexts.views import View
from persistence.carriers import CarrierConfig, active_carrier, put_carrier
from persistence.delivery import ShipmentTables
from persistence.postgres_store import PostgresStore
from persistence.shipment_views import ShipmentViews

logger = logging.getLogger(__name__)

DELIVERY = Context(
    "delivery", store=PostgresStore, repositories={Shipments: ShipmentTables, ShipmentViews: ShipmentViews}
)


@cache
def carrier() -> Any:
    """The active carrier's booking desk, one a process. CARRIER_URL, where it is set, becomes the active carrier's."""
    store = PostgresStore("delivery", connections=1)
    with store.transaction() as transaction:
        if url := os.environ.get("CARRIER_URL"):
            put_carrier(transaction.connection, CarrierConfig("sandbox", url))
        config = active_carrier(transaction.connection)
    store.close()
    return carrier_from(config.api_endpoint).perform


@DELIVERY.asks(carrier, at_once=SIDE_BY_SIDE)
def schedule_delivery(command: ScheduleDelivery, shipments: Shipments) -> CarrierRequest | None:
    """Record the attempt to book the parcel."""
    address = command.shipping_address.model_dump()
    return shipments.of(command.order_id, command.shipping_method, address, command.pieces).book()


@DELIVERY.concludes(schedule_delivery)
def delivery_scheduled(command: ScheduleDelivery, outcome: Outcome, shipments: Shipments) -> Iterable[Event]:
    """Tell whether the carrier will fetch the parcel."""
    shipment = shipments.of(command.order_id)
    shipment.booked(outcome, datetime.now(UTC))
    match shipment.status:
        case Status.PENDING:
            raise TryAgain(f"booking of shipment {shipment.id} is unknown: {outcome}")
        case Status.SCHEDULED:
            yield ShipmentScheduled(
                order_id=command.order_id,
                shipment_id=shipment.id,
                carrier=shipment.carrier,
                tracking_number=shipment.tracking_number or "",
                estimated_delivery=shipment.estimated_delivery,
            )
        case _:
            yield DeliveryRefused(order_id=command.order_id, code=shipment.refusal_code or "cancelled")


@DELIVERY.asks(carrier)
def cancel_shipment(command: CancelShipment, shipments: Shipments) -> CarrierRequest | None:
    """Forbid the booking, and have what was booked cancelled."""
    return shipments.of(command.order_id).cancel()


@DELIVERY.concludes(cancel_shipment)
def shipment_cancelled(command: CancelShipment, outcome: Outcome, shipments: Shipments) -> Iterable[Event]:
    """Tell that no label is alive for the order, or that the parcel is on its way and cannot be stopped."""
    shipment = shipments.of(command.order_id)
    if not shipment.cancelled(outcome, datetime.now(UTC)):
        raise TryAgain(f"cancellation of shipment {shipment.id} is unknown: {outcome}")
    if shipment.cannot_be_stopped:
        logger.warning("shipment %s cannot be cancelled any more: %s", shipment.id, shipment.recall_refusal)
        yield CancellationRefused(order_id=command.order_id, code=shipment.recall_refusal or "")
    else:
        yield ShipmentCancelled(order_id=command.order_id)


@DELIVERY.asks(carrier)
def recall_shipment(command: RecallShipment, shipments: Shipments) -> CarrierRequest | None:
    """Have the carrier stop the parcel of a completed order, by cancelling its label."""
    return shipments.booked(command.order_id).recall()


@DELIVERY.concludes(recall_shipment)
def shipment_recalled(command: RecallShipment, outcome: Outcome, shipments: Shipments) -> Iterable[Event]:
    """Tell whether the parcel was stopped."""
    shipment = shipments.booked(command.order_id)
    if not shipment.recalled(outcome, datetime.now(UTC)):
        raise TryAgain(f"recall of shipment {shipment.id} is unknown: {outcome}")
    if shipment.recall_refusal is None:
        yield ShipmentRecalled(order_id=command.order_id)
    else:
        yield RecallRefused(order_id=command.order_id, code=shipment.recall_refusal)


@DELIVERY.query
def show_shipment(query: ShowShipment, views: ShipmentViews) -> View | None:
    """Show the shipment of an order with its tracking."""
    return views.view(query.order_id)


import actors.shipment_reconciliation  # noqa: E402, F401 - one more of this context's actors
