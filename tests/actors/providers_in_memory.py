"""A card network and a parcel carrier that answer from memory, lose answers, and can be asked what is true."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random
from uuid import UUID

from contexts.delivery import carrier
from contexts.orders import gateway

CardOutcome = gateway.Approved | gateway.Declined | gateway.Unknown
ParcelOutcome = carrier.Booked | carrier.Cancelled | carrier.Refused | carrier.Unknown

DECLINED_CARD = "tok_chargeDeclined"
UNSERVED = "REFUSE"
UNSTOPPABLE = "TRANSIT"


@dataclass
class Cards:
    """Holds, takes and gives back; a payment that was voided before it was held is never held."""

    chance: Random
    faults: float = 0.0
    held: dict[UUID, int] = field(default_factory=dict)
    taken: dict[UUID, int] = field(default_factory=dict)
    voided: set[UUID] = field(default_factory=set)
    answered: dict[UUID, gateway.Approved | gateway.Declined] = field(default_factory=dict)

    def perform(self, requests: Sequence[gateway.GatewayRequest]) -> list[CardOutcome]:
        return [self._perform(request) for request in requests]

    def _perform(self, request: gateway.GatewayRequest) -> CardOutcome:
        if self.chance.random() < self.faults / 2:
            return gateway.Unknown("the request was lost")
        if request.idempotency_key not in self.answered:
            self.answered[request.idempotency_key] = self._done(request)
        if self.chance.random() < self.faults / 2:
            return gateway.Unknown("the answer was lost")
        return self.answered[request.idempotency_key]

    def _done(self, request: gateway.GatewayRequest) -> gateway.Approved | gateway.Declined:
        payment, amount = request.payment_id, request.amount_minor
        match request.operation:
            case gateway.Operation.AUTHORIZE if request.card_token == DECLINED_CARD or payment in self.voided:
                return gateway.Declined("card_declined", "no")
            case gateway.Operation.AUTHORIZE:
                self.held[payment] = amount
            case gateway.Operation.CAPTURE:
                if payment not in self.held:
                    return gateway.Declined("not_held", "no")
                self.taken[payment] = self.held.pop(payment)
            case gateway.Operation.VOID:
                if payment in self.taken:
                    return gateway.Declined("taken", "it can only be refunded")
                self.voided.add(payment)
                if payment not in self.held:
                    return gateway.Approved("")
                del self.held[payment]
            case gateway.Operation.REFUND:
                self.taken[payment] -= amount
        return gateway.Approved(f"txn_{payment}", "visa", "4242")


@dataclass
class Parcels:
    """Books one label a reference; a reference that was cancelled never gets one."""

    chance: Random
    faults: float = 0.0
    alive: set[UUID] = field(default_factory=set)
    cancelled: set[UUID] = field(default_factory=set)

    def perform(self, requests: Sequence[carrier.CarrierRequest]) -> list[ParcelOutcome]:
        return [self._perform(request) for request in requests]

    def _perform(self, request: carrier.CarrierRequest) -> ParcelOutcome:
        if self.chance.random() < self.faults / 2:
            return carrier.Unknown("the request was lost")
        outcome = self._done(request)
        return carrier.Unknown("the answer was lost") if self.chance.random() < self.faults / 2 else outcome

    def _done(self, request: carrier.CarrierRequest) -> carrier.Booked | carrier.Cancelled | carrier.Refused:
        shipment = request.shipment_id
        if request.operation is carrier.Operation.CANCEL:
            if shipment in self.alive and request.shipping_address["postal_code"] == UNSTOPPABLE:
                return carrier.Refused("in_transit", "the parcel is on its way")
            self.alive.discard(shipment)
            self.cancelled.add(shipment)
            return carrier.Cancelled()
        if shipment in self.cancelled or request.shipping_address["postal_code"] == UNSERVED:
            return carrier.Refused("refused", "no")
        self.alive.add(shipment)
        return carrier.Booked(f"FV{shipment.hex[:10]}", date(2026, 3, 6))
