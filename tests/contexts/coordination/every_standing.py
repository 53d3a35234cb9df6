"""Every standing that an order's journey can come to, whatever is answered, how often and in whatever sequence.

Journeys that stand alike and have done alike are merged, since the same will become of them. So the search ends, and
covers answers of every number.
"""

from collections import deque
from dataclasses import dataclass, replace

from contexts.coordination.journey import Journey, Status
from contexts.coordination.place_order import PLACE_ORDER
from contexts.messages import JourneyEvent
from tests.contexts.examples import NOW, an_answer, an_order

#: No answer: the sweeper comes by when the present step is overdue.
OVERDUE = "overdue"

_ORDER = an_order()
_STEPS = list(enumerate(PLACE_ORDER.steps))
ANSWERS = {kind.wire_name: an_answer(kind, _ORDER.order_id) for kind in PLACE_ORDER.listens_to()}

#: Kind of command -> the step that it does, or undoes.
DOES = {type(step.command(_ORDER)): place for place, step in _STEPS}
UNDOES = {type(step.compensation.command(_ORDER)): place for place, step in _STEPS if step.compensation}
CLOSES = type(PLACE_ORDER.close_undone(_ORDER, "test"))


@dataclass(frozen=True)
class Standing:
    """Where a journey stands, and what was sent and answered on the way there. Steps are told by their index."""

    status: Status
    place: int
    waits: bool
    sent: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()
    undoing: frozenset[int] = frozenset()
    undone: frozenset[int] = frozenset()
    closing: bool = False
    #: What was sent that must not be, if anything was.
    astray: str | None = None

    @property
    def still_done(self) -> frozenset[int]:
        """The steps that were asked for and neither refused nor undone: maybe done, so to be taken for done."""
        return self.sent - self.refused - self.undone


def every_standing() -> dict[Standing, dict[str, Standing]]:
    """Return each standing that can be come to, with what each answer makes of it."""
    known: dict[Standing, dict[str, Standing]] = {}
    waiting = deque([_begun()])
    while waiting:
        standing = waiting.popleft()
        if standing not in known:
            known[standing] = {answer: _after(standing, answer) for answer in [*ANSWERS, OVERDUE]}
            waiting.extend(known[standing].values())
    return known


def _begun() -> Standing:
    journey = Journey(_ORDER)
    return _having_sent(Standing(journey.status, journey.place, True), [type(one) for one in journey.begin(NOW)])


def _after(before: Standing, answer: str) -> Standing:
    due_at = NOW if before.waits else None
    journey = Journey(_ORDER, status=before.status, place=before.place, reason="test", due_at=due_at)
    event = ANSWERS.get(answer)
    commands = [type(one) for one in (journey.receive(event, NOW) if event else journey.overdue(NOW))]
    standing = replace(before, status=journey.status, place=journey.place, waits=journey.due_at is not None)
    return _having_sent(_having_heard(before, standing, type(event) if event else None), commands)


def _having_heard(before: Standing, standing: Standing, kind: type[JourneyEvent] | None) -> Standing:
    refused = {place for place, step in _STEPS if step.refused is kind is not None and place == before.place}
    if before.status is Status.RUNNING and refused:
        standing = replace(standing, refused=standing.refused | refused)
    undone = {place for place, step in _STEPS if step.compensation and step.compensation.done is kind}
    return replace(standing, undone=standing.undone | (undone & standing.undoing))


def _having_sent(standing: Standing, commands: list[type]) -> Standing:
    for kind in commands:
        if kind in DOES:
            if standing.undoing or standing.closing:
                standing = replace(standing, astray=f"{kind.__name__} was sent after an undoing command")
            standing = replace(standing, sent=standing.sent | {DOES[kind]})
        else:
            place = UNDOES.get(kind, -1)
            if kind is not CLOSES and kind not in UNDOES:
                standing = replace(standing, astray=f"{kind.__name__} is no command of this saga")
            if any(later > place for later in standing.still_done):
                standing = replace(standing, astray=f"{kind.__name__} was sent before what came later was undone")
            undoing = standing.undoing | ({place} if kind in UNDOES else frozenset())
            standing = replace(standing, undoing=undoing, closing=standing.closing or kind is CLOSES)
    return standing
