"""Reconciliation: our records against those of a party outside, in both directions. What its two kinds share.

A look goes page by page: first our records of its window, each looked up there; then what the party lists, each looked
up here. One page is one message, so that memory is bounded and other work goes between.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AwareDatetime, Field

from contexts.identity import named
from contexts.messages import Command

#: How far a look stays behind now: what changed since may be on its way between us and them.
RECONCILE_LAG = timedelta(minutes=5)

#: How far the clock's first look goes back.
FIRST_LOOK = timedelta(days=1)

#: Records that one message is about, at most.
PAGE = 500

#: Times in a row that a page is asked for before the look ends unfinished. The clock's next one begins where it began.
MOST_FAILURES = 8

OURS, THEIRS = "ours", "theirs"


class Reconcile(Command):
    """Compare one page, and send the next. `since` None: from where the clock's last finished look ended.

    `run_id` names the look, whose row tells what came of it; `after` is where the page begins, "" at first.
    """

    run_id: UUID
    since: AwareDatetime | None = None
    until: AwareDatetime
    side: Annotated[str, Field(pattern=r"^(ours|theirs)$")] = OURS
    after: str = ""
    failures: Annotated[int, Field(ge=0)] = 0

    @property
    def is_first(self) -> bool:
        """Whether this message begins the look."""
        return self.side == OURS and self.after == ""

    def next_page(self, side: str, after: str) -> Self:
        """Return the message for another page of the same look."""
        return self.model_copy(update={"side": side, "after": after, "failures": 0})

    def same_page(self) -> Self:
        """Return the message for this page once more, after a failure."""
        return self.model_copy(update={"failures": self.failures + 1})


class Kind(StrEnum):
    """How our record and theirs can differ. UNFINISHED: ours waits for an answer for longer than the lag."""

    MISSING_THERE = "MISSING_THERE"
    MISSING_HERE = "MISSING_HERE"
    DIFFERENT_AMOUNT = "DIFFERENT_AMOUNT"
    DIFFERENT_STATE = "DIFFERENT_STATE"
    OTHER_TRANSACTION = "OTHER_TRANSACTION"
    OTHER_LABEL = "OTHER_LABEL"
    UNFINISHED = "UNFINISHED"


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which one payment or shipment (the subject) differs; both sides as JSON, without personal data.

    `mendable`: a command that there is already puts it right.
    """

    subject_id: UUID
    order_id: UUID
    kind: Kind
    ours: Mapping[str, Any] | None
    theirs: Mapping[str, Any] | None
    mendable: bool = False

    @property
    def id(self) -> UUID:
        return named(self.subject_id, self.kind)
