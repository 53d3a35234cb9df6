"""What coordination can be asked. It tells the other contexts nothing but their own commands."""

from datetime import datetime
from uuid import UUID

from contexts.messages import Command, Query


class SweepDeadlines(Command):
    """Look after every journey whose present step is overdue."""

    at: datetime


class ShowJourney(Query):
    """Ask for the timeline of an order's journey."""

    order_id: UUID
