"""Checks of an order against what its customer was told, and of that against what arrived."""

from collections import Counter
from collections.abc import Iterator

from auditing.facts import OrderFacts
from auditing.of_journeys import RETURN
from auditing.report import Violation

#: What the customer of an order is told in the end, by the order's status.
TOLD = {
    "COMPLETED": ("order_completed",),
    "REJECTED": ("order_rejected",),
    "RETURNED": ("order_completed", "order_returned"),
}

#: A notification in one of these is not done with.
UNFINISHED = frozenset({"PENDING", "SENDING"})


def told_once(facts: OrderFacts) -> Iterator[Violation]:
    """The customer is told of one thing once: there is one notification of a kind."""
    for event_type, count in Counter(one.event_type for one in facts.told).items():
        if count > 1:
            but = f"notifications has {count} of {event_type}"
            yield Violation("told_twice", "a customer is told of one thing once", but, facts.order_id)


def told_how_it_ended(facts: OrderFacts) -> Iterator[Violation]:
    """The customer was told how the order ended, and that it cannot come back if that was asked."""
    if facts.order is None or facts.order.status not in TOLD:
        return
    back = facts.journey(RETURN)
    refused = ["return_refused"] if back and back.status == "UNDONE" else []
    expected = [*TOLD[facts.order.status], *refused]
    told = {one.event_type for one in facts.told}
    if set(expected) != told:
        but = f"notifications has {', '.join(sorted(told)) or 'nothing'}"
        says = f"the order is {facts.order.status}: its customer is told {', '.join(expected)}"
        yield Violation("mail_disagrees", says, but, facts.order_id)


def what_was_sent_arrived(facts: OrderFacts) -> Iterator[Violation]:
    """Every mail that is SENT arrived, and no mail arrived that nobody noted."""
    if facts.mails is None or facts.order is None:
        return
    sent = {one.message_id for one in facts.told if one.status == "SENT"}
    for message_id in sorted(sent - facts.mails.keys()):
        yield Violation("mail_lost", f"mail {message_id} is SENT", "the mail server does not have it", facts.order_id)
    for message_id in sorted(facts.mails.keys() - {one.message_id for one in facts.told}):
        yield Violation(
            "unknown_mail", f"the mail server has {message_id}", "notifications has no such mail", facts.order_id
        )


def no_mail_without_an_attempt(facts: OrderFacts) -> Iterator[Violation]:
    """A mail arrived as often as it was sent, at most: an attempt is counted before it is made, and sends one copy."""
    for message_id, attempts in sorted(facts.attempts.items()):
        if (copies := facts.copies(message_id)) > attempts:
            says = f"mail {message_id} was sent {attempts} times at most"
            but = f"the mail server has {copies} copies"
            yield Violation("mail_doubled", says, but, facts.order_id)


ALWAYS = (told_once, no_mail_without_an_attempt)
IN_THE_END = (told_how_it_ended, what_was_sent_arrived)
