"""Who listens to what. A command goes to the context whose `messages.py` defines it, or to the queue that its class
names; an event goes to every listener here, coordination among them if a saga waits for it.
"""

from functools import cache

from contexts.catalog.messages import ProductChanged
from contexts.coordination.definitions import SAGAS
from contexts.messages import Destination, Event, Message, Query
from contexts.orders.messages import OrderCompleted, OrderRejected, OrderReturned, ReturnRefused

#: The bounded contexts, each with a store of its own.
CONTEXTS = ("coordination", "catalog", "inventory", "orders", "delivery", "notifications")

#: The queues that commands and events go to, each with a process type of its name: one a context, and one for the
#: payments of the orders context, so that no order waits for a slow card network.
QUEUES = (*CONTEXTS, "payments")

#: Event -> the contexts that hear it. What any saga waits for, coordination hears.
LISTENERS: dict[type[Message], tuple[str, ...]] = {
    ProductChanged: ("orders",),
    OrderCompleted: ("coordination", "inventory", "notifications"),
    OrderRejected: ("coordination", "notifications"),
    OrderReturned: ("coordination", "notifications"),
    ReturnRefused: ("coordination", "notifications"),
}
for _event in SAGAS.listens_to():
    LISTENERS.setdefault(_event, ("coordination",))


def actor_address(context: str, message: type[Message]) -> Destination:
    """Return where a context handles a message type. Queries have a queue of their own: no backlog delays them."""
    if issubclass(message, Query):
        queue = f"{context}.queries"
    else:
        queue = message.queue if context == message.context else context
    return Destination(queue, f"{context}.{message.actor_name}")


@cache
def destinations(message: type[Message]) -> tuple[Destination, ...]:
    """Return every actor that a message is sent to."""
    listeners = LISTENERS.get(message, ()) if issubclass(message, Event) else (message.context,)
    return tuple(actor_address(context, message) for context in listeners)
