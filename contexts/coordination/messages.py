"""What coordination can be asked. It tells the other contexts nothing but their own commands."""

from uuid import UUID

from pydantic import AwareDatetime

from contexts.messages import Command, Query


class SweepDeadlines(Command):
    """Look after every journey whose present step is overdue."""

    at: AwareDatetime


class ShowJourney(Query):
    """Ask for the timeline of an order's journey."""

    order_id: UUID
