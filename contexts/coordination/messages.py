"""What coordination can be asked. It tells the other contexts nothing but their own commands."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from contexts.messages import Command, Query


class SweepDeadlines(Command):
    """Look after every journey whose present step is overdue."""

    at: AwareDatetime


class CancelOrder(Command):
    """The customer does not want the order any more. Before the pivot it is undone; after it, it returns."""

    order_id: UUID
    reason: Annotated[str, Field(max_length=500)] = ""


class Intervention(Command):
    """What an operator does to an order's unfinished journey; who and why stay in its timeline."""

    order_id: UUID
    by: Annotated[str, Field(min_length=1, max_length=100)]
    why: Annotated[str, Field(min_length=1, max_length=500)]


class ResumeJourney(Intervention):
    """The cause of a stuck journey is mended: it is no longer stuck, and goes on with its present step."""


class RetryStep(Intervention):
    """Send the present step's unanswered commands again, now."""


class ReverseJourney(Intervention):
    """Undo the order: what is before its pivot at once, what is at the pivot by its compensation, else as a return."""


class ShowJourney(Query):
    """Ask for the timeline of an order's journey."""

    order_id: UUID
