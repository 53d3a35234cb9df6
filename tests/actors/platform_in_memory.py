"""The whole platform in memory: every actor's function on in-memory collections, and messages that overtake each other.

As in the real runtime, each half of an actor is one undivided step, what was done is not done twice, and a message that
fails is tried again. Unlike it, what fails is not rolled back: an aggregate that raises must leave nothing half done.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

from actors.catalog import CATALOG
from actors.coordination import COORDINATION
from actors.delivery import DELIVERY
from actors.inventory import INVENTORY
from actors.orders import ORDERS
from actors.payments import PAYMENTS
from actors.runtime.handlers import AskingHandler, Handler, TryAgain
from contexts.catalog.model import Products
from contexts.coordination.journeys import Journeys
from contexts.coordination.messages import SweepDeadlines
from contexts.delivery.model import Shipments
from contexts.inventory.messages import ExpireReservations
from contexts.inventory.model import Stocks
from contexts.messages import Destination, Message, Stamped, first_cause
from contexts.orders.gateway import GatewayRequest
from contexts.orders.model import Orders
from contexts.orders.payment import Payment, Payments
from contexts.orders.settlement import Settlements
from contexts.subscriptions import destinations

from .providers_in_memory import Cards, Parcels

HANDLERS = {
    handler.destination: handler
    for context in (CATALOG, COORDINATION, DELIVERY, INVENTORY, ORDERS, PAYMENTS)
    for handler in context.handlers.values()
}

#: Times that a message may fail before it is dead.
ATTEMPTS = 5

#: Steps that some orders may take, at most, until nothing waits.
MOST_STEPS = 5000

Step = Callable[[], None]


class PaymentsOfOrders(Payments):
    """Payments whose totals are those of the orders beside them."""

    def __init__(self, orders: Orders) -> None:
        super().__init__()
        self._orders = orders

    def of(self, order_id: UUID) -> Payment:
        if order_id in self._orders.orders:
            order = self._orders.orders[order_id]
            self.totals[order_id] = (order.total_minor, order.currency)
        return super().of(order_id)


class Platform:
    """Every context's collections, and the steps that wait to be done."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.cards, self.parcels = Cards(chance), Parcels(chance)
        self.products, self.stocks, self.orders = Products(), Stocks(), Orders()
        self.shipments, self.journeys = Shipments(), Journeys()
        self.payments = PaymentsOfOrders(self.orders)
        self.waiting: list[tuple[str, Step]] = []
        self.dead: list[tuple[Message, Exception]] = []
        settlements = Settlements(self.orders, self.payments)
        self._done: set[tuple[Destination, UUID]] = set()
        collections = (
            self.products,
            self.stocks,
            self.orders,
            self.shipments,
            self.journeys,
            self.payments,
            settlements,
        )
        self._collections: dict[type, Any] = {
            kind: one for one in collections for kind in type(one).__mro__ if kind is not object
        }

    def say(self, body: Message) -> None:
        """Send a message that no other caused."""
        self._send([first_cause(uuid4(), body, getattr(body, "order_id", uuid4()))])

    def tick(self) -> None:
        """Let the clock say what time it is."""
        now = datetime.now(UTC)
        self.say(SweepDeadlines(at=now))
        self.say(ExpireReservations(at=now))

    def step(self, absent: str = "") -> bool:
        """Do one of the steps that wait, whichever but those of an absent context; False if there is none."""
        ready = [place for place, (context, _) in enumerate(self.waiting) if context != absent]
        if ready:
            _, step = self.waiting.pop(self.chance.choice(ready))
            step()
        return bool(ready)

    def settle(self, pass_time: Callable[[timedelta], object]) -> None:
        """Do everything that waits, without faults, and let time pass until every journey is over or cannot be."""
        self.cards.faults = self.parcels.faults = 0.0
        for _ in range(60):
            for _ in range(MOST_STEPS):
                if not self.step():
                    break
            assert not self.waiting, "messages follow messages without an end"
            if all(journey.is_final for journey in self.journeys.journeys.values()):
                return
            pass_time(timedelta(minutes=1))
            self.tick()

    def _send(self, messages: Iterable[Stamped], twice: float = 0.0) -> None:
        for message in messages:
            for destination in destinations(type(message.body)):
                if destination in HANDLERS:
                    self._deliver(HANDLERS[destination], message)
                    if self.chance.random() < twice:
                        self._deliver(HANDLERS[destination], message)

    def _deliver(self, handler: Any, message: Stamped) -> None:
        take = self._ask if isinstance(handler, AskingHandler) else self._decide
        self._wait(handler, lambda: take(handler, message))

    def _decide(self, handler: Handler, message: Stamped) -> None:
        repository = self._collections[handler.repository]
        self._conclude(handler, message, lambda: handler.decide(message.body, repository))

    def _ask(self, handler: AskingHandler, message: Stamped) -> None:
        repository = self._collections[handler.asked_in]
        if (handler.destination, message.id) in self._done:
            return
        try:
            request = handler.ask(message.body, repository)
        except Exception as fault:  # noqa: BLE001 - as the runtime: whatever an actor raises, its message is kept
            self._failed(handler, message, fault)
            return
        self._wait(handler, lambda: self._perform(handler, message, request))

    def _perform(self, handler: AskingHandler, message: Stamped, request: Any) -> None:
        repository = self._collections[handler.repository]
        outcome: Any = None
        if isinstance(request, GatewayRequest):
            (outcome,) = self.cards.perform([request])
        elif request is not None:
            (outcome,) = self.parcels.perform([request])
        self._wait(
            handler,
            lambda: self._conclude(handler, message, lambda: handler.conclude(message.body, outcome, repository)),
        )

    def _wait(self, handler: Any, step: Step) -> None:
        self.waiting.append((handler.destination.queue, step))

    def _conclude(self, handler: Any, message: Stamped, decide: Callable[[], Iterable[Message] | None]) -> None:
        if (handler.destination, message.id) in self._done:
            return
        try:
            consequences = list(decide() or ())
        except Exception as fault:  # noqa: BLE001 - as the runtime: whatever an actor raises, its message is kept
            self._failed(handler, message, fault)
            return
        self._done.add((handler.destination, message.id))
        self._send(message.followed_by(consequences, datetime.now(UTC)), twice=0.1)

    def _failed(self, handler: Any, message: Stamped, fault: Exception) -> None:
        again = message.tried_again()
        if again.attempt < ATTEMPTS or isinstance(fault, TryAgain):
            self._deliver(handler, again)
        else:
            self.dead.append((message.body, fault))
