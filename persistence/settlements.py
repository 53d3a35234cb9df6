"""Orders and their payments in PostgreSQL, within one transaction."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from contexts.messages import Message
from contexts.orders.settlement import Settlements
from persistence.orders import OrderTables
from persistence.payments import PaymentTables


class SettlementTables(Settlements):
    """The orders and the payments that a batch of messages is about, the orders locked first."""

    orders: OrderTables
    payments: PaymentTables

    def __init__(self, connection: Connection[Any]) -> None:
        super().__init__(OrderTables(connection), PaymentTables(connection))

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Lock and load both."""
        self.orders.prefetch(messages)
        self.payments.prefetch(messages)

    def flush(self) -> None:
        """Write what was changed of both."""
        self.orders.flush()
        self.payments.flush()

    @property
    def remembers(self) -> bool:
        """Whether something was not read, but remembered."""
        return self.payments.remembers

    def committed(self) -> None:
        """Remember the payments as they are stored now."""
        self.payments.committed()
