"""What is to be thought of one order: wrong, in flight, or neither."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

from auditing import of_journeys, of_mails, of_parcels, of_payments, of_stock
from auditing.facts import OrderFacts
from auditing.report import Violation

Check = Callable[[OrderFacts], Iterator[Violation]]

_MODULES = (of_journeys, of_payments, of_parcels, of_stock, of_mails)

#: What must hold at every moment, and what must hold once nothing of an order moves any more.
ALWAYS: tuple[Check, ...] = tuple(check for module in _MODULES for check in module.ALWAYS)
IN_THE_END: tuple[Check, ...] = tuple(check for module in _MODULES for check in module.IN_THE_END)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one look at an order came to.

    `flying` says why the order is in flight, if it is; then `in_the_end` is empty. `digest` tells the facts of two
    looks apart.
    """

    flying: str | None
    always: tuple[Violation, ...]
    in_the_end: tuple[Violation, ...]
    digest: bytes

    @property
    def is_suspect(self) -> bool:
        """Whether something seems wrong."""
        return bool(self.always or self.in_the_end)


def judged(facts: OrderFacts) -> Verdict:
    """Judge an order by one look at it."""
    flying = why_in_flight(facts)
    in_the_end = () if flying else tuple(found for check in IN_THE_END for found in check(facts))
    always = tuple(found for check in ALWAYS for found in check(facts))
    digest = blake2b(repr(facts).encode(), digest_size=16).digest() if always or in_the_end else b""
    return Verdict(flying, always, in_the_end, digest)


def why_in_flight(facts: OrderFacts) -> str | None:
    """Return why nothing can be said yet of how an order ended; None if it can."""
    for journey in facts.journeys:
        if journey.status not in of_journeys.ENDED:
            return f"journey {journey.saga} {journey.status}"
    if facts.waits:
        return "a message in an outbox"
    mail = next((one for one in facts.told if one.status in of_mails.UNFINISHED), None)
    return f"mail {mail.event_type} {mail.status}" if mail else None
