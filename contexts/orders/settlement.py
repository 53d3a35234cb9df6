"""Settling: the money is taken and the order closed in one transaction, since both are this context's."""

from dataclasses import dataclass, field

from contexts.orders.model import Orders
from contexts.orders.payment import Payments


@dataclass
class Settlements:
    """The orders that a batch of messages is about, with their payments, in memory."""

    orders: Orders = field(default_factory=Orders)
    payments: Payments = field(default_factory=Payments)
