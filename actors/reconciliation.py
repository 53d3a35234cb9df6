"""How a look of a reconciliation goes on: from page to page, from our side to theirs, or to its end."""

from collections.abc import Iterator, Sequence
from typing import TypeVar
from uuid import UUID

from contexts.reconciliation import MOST_FAILURES, OURS, PAGE, THEIRS, Reconcile
from persistence.reconciliation import Look, Looks

Command = TypeVar("Command", bound=Reconcile)


def going_on(
    command: Command, look: Look, looks: Looks, asked: Sequence[UUID] | None, following: str | None, end: str
) -> Iterator[Command]:
    """Yield the message for the next page, if there is one; else the look is done.

    `asked`: what was looked up of ours, None on their side; there `following` is where the next page begins.
    """
    if asked is not None:
        yield command.next_page(OURS, str(asked[-1])) if len(asked) == PAGE else command.next_page(THEIRS, "")
    elif following is not None:
        yield command.next_page(THEIRS, following)
    else:
        looks.finish(look, end)


def unanswered(command: Command, look: Look, looks: Looks, reason: str) -> Iterator[Command]:
    """Yield the message for the same page, or end the look when it has failed too often.

    Nothing is tried for long: the clock's next look begins where the last finished one ended.
    """
    if command.failures + 1 < MOST_FAILURES:
        yield command.same_page()
    else:
        looks.finish(look, look.position, error=reason)
