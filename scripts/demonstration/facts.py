"""What each store, and each provider behind the stores, says of a set of orders. Amounts are minor currency units."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class OrderFact:
    """An order as the orders context has it."""

    status: str
    reason: str | None
    total_minor: int
    lines_minor: int
    units: Counter[UUID]


@dataclass(frozen=True, slots=True)
class SagaFact:
    """A journey as coordination has it; `workflow` is the status that operators see."""

    status: str
    reason: str | None
    workflow: str | None


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """A payment as the orders context has it."""

    payment_id: UUID
    status: str
    amount_minor: int
    captured_minor: int
    refunded_minor: int


@dataclass(frozen=True, slots=True)
class ChargeFact:
    """A payment as the gateway has it."""

    payment_id: UUID
    state: str
    captured_minor: int
    refunded_minor: int


@dataclass(frozen=True, slots=True)
class ShipmentFact:
    """A shipment as delivery has it."""

    shipment_id: UUID
    status: str
    tracking_number: str | None


@dataclass(frozen=True, slots=True)
class LabelFact:
    """A shipment as the carrier has it."""

    reference: UUID
    state: str
    tracking_number: str | None


@dataclass(frozen=True, slots=True)
class HoldFact:
    """A reservation as the inventory has it."""

    product_id: UUID
    warehouse_id: UUID
    quantity: int
    status: str


@dataclass(frozen=True, slots=True)
class LevelFact:
    """A stock level, and what the ledger and the reservations make of the same product and warehouse."""

    product_id: UUID
    warehouse_id: UUID
    on_hand: int
    reserved: int
    ledger_on_hand: int
    ledger_reserved: int
    active_holds: int


@dataclass(frozen=True, slots=True)
class NotificationFact:
    """A notification as its context has it."""

    event_type: str
    status: str
    message_id: str


@dataclass(frozen=True)
class Facts:
    """Everything said of a set of orders, by order. `charges`, `labels`, `mails` are None where nobody can be asked.

    `moved` counts units by kind of movement, product and warehouse; `mails` counts caught mails by Message-ID.
    """

    order_ids: Sequence[UUID]
    orders: Mapping[UUID, OrderFact]
    sagas: Mapping[UUID, SagaFact]
    payments: Mapping[UUID, Sequence[PaymentFact]]
    charges: Mapping[UUID, Sequence[ChargeFact]] | None
    shipments: Mapping[UUID, Sequence[ShipmentFact]]
    labels: Mapping[UUID, Sequence[LabelFact]] | None
    holds: Mapping[UUID, Sequence[HoldFact]]
    moved: Mapping[UUID, Counter[tuple[str, UUID, UUID]]]
    levels: Sequence[LevelFact]
    notifications: Mapping[UUID, Sequence[NotificationFact]]
    mails: Counter[str] | None
