"""What each store, and each provider behind the stores, says of one order. Amounts are minor currency units."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class OrderFact:
    """An order as the orders context has it; `reason` is why it was rejected."""

    status: str
    reason: str | None
    return_reason: str | None
    return_refusal: str | None
    currency: str
    total_minor: int
    version: int
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class LineFact:
    """A line of an order."""

    product_id: UUID
    quantity: int
    total_minor: int


@dataclass(frozen=True, slots=True)
class EventFact:
    """An event of an order or of its payment; `sequence` counts within each of the two."""

    kind: str
    sequence: int
    payload: Mapping[str, Any]

    @property
    def is_of_payment(self) -> bool:
        """Whether it tells of the payment."""
        return self.kind.startswith("Payment")


@dataclass(frozen=True, slots=True)
class JourneyFact:
    """A journey as coordination has it.

    `workflow` is the status that operators see, `completed_at` the time of its end that they see; `events` counts its
    audit trail, which ends with `last_sequence`.
    """

    saga: str
    status: str
    reason: str | None
    version: int
    workflow: str | None
    completed_at: datetime | None
    events: int
    last_sequence: int
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """A payment as the orders context has it."""

    payment_id: UUID
    status: str
    currency: str
    amount_minor: int
    captured_minor: int
    refunded_minor: int
    transaction_id: str | None
    failure_code: str | None
    attempts: int
    version: int

    @property
    def kept_minor(self) -> int:
        """What was taken and not given back."""
        return self.captured_minor - self.refunded_minor


@dataclass(frozen=True, slots=True)
class ChargeFact:
    """A payment as the gateway has it."""

    payment_id: UUID
    state: str
    captured_minor: int
    refunded_minor: int

    @property
    def is_alive(self) -> bool:
        """Whether money of the customer's is held or kept."""
        return self.state not in ("voided", "refunded")


@dataclass(frozen=True, slots=True)
class ShipmentFact:
    """A shipment as delivery has it."""

    shipment_id: UUID
    status: str
    tracking_number: str | None
    version: int


@dataclass(frozen=True, slots=True)
class LabelFact:
    """A shipment as the carrier has it; its `reference` is the shipment's id."""

    reference: UUID
    state: str
    tracking_number: str | None

    @property
    def is_alive(self) -> bool:
        """Whether the carrier would take the parcel."""
        return self.state not in ("cancelled", "refused")


@dataclass(frozen=True, slots=True)
class HoldFact:
    """A reservation as the inventory has it."""

    product_id: UUID
    warehouse_id: UUID
    quantity: int
    status: str


@dataclass(frozen=True, slots=True)
class NotificationFact:
    """A notification as its context has it."""

    key: str
    event_type: str
    status: str
    message_id: str
    attempts: int


@dataclass(slots=True)
class OrderFacts:
    """Everything said of one order. `charges`, `labels` and `mails` are None where nobody can be asked.

    `moved` counts units by kind of movement, product and warehouse; `mails` counts what arrived by Message-ID.
    `was_released`: nothing may be held for the order any more. `waits`: a message about it is in some outbox.
    `is_named`: the audit was asked for it by its id.
    """

    order_id: UUID
    order: OrderFact | None = None
    lines: list[LineFact] = field(default_factory=list)
    events: list[EventFact] = field(default_factory=list)
    journeys: list[JourneyFact] = field(default_factory=list)
    payments: list[PaymentFact] = field(default_factory=list)
    charges: list[ChargeFact] | None = None
    shipments: list[ShipmentFact] = field(default_factory=list)
    labels: list[LabelFact] | None = None
    holds: list[HoldFact] = field(default_factory=list)
    moved: Counter[tuple[str, UUID, UUID]] = field(default_factory=Counter)
    was_released: bool = False
    told: list[NotificationFact] = field(default_factory=list)
    mails: Counter[str] | None = None
    waits: bool = False
    is_named: bool = False

    @property
    def units(self) -> Counter[UUID]:
        """Units that were ordered, by product."""
        units: Counter[UUID] = Counter()
        for line in self.lines:
            units[line.product_id] += line.quantity
        return units

    @property
    def attempts(self) -> Counter[str]:
        """How often each mail was sent at most, by Message-ID."""
        attempts: Counter[str] = Counter()
        for one in self.told:
            attempts[one.message_id] += one.attempts
        return attempts

    def copies(self, message_id: str) -> int:
        """Return how often a mail arrived; 0 too where nobody can be asked."""
        return 0 if self.mails is None else self.mails[message_id]

    def journey(self, saga: str) -> JourneyFact | None:
        """Return the order's journey through a saga."""
        return next((one for one in self.journeys if one.saga == saga), None)


class FactsByOrder(dict[UUID, OrderFacts]):
    """Facts that are being gathered: of an order that is named for the first time there are none yet."""

    def __missing__(self, order_id: UUID) -> OrderFacts:
        self[order_id] = facts = OrderFacts(order_id)
        return facts
