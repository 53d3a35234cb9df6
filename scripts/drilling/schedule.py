"""Which fault comes when: drawn from the seed alone, so that a seed repeats the same list."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from drilling.kinds import TRAITS, Kind

#: Seconds between a recovery and the next fault: at least, and at most.
PAUSES = (0.3, 1.2)


@dataclass(frozen=True, slots=True)
class Fault:
    """Fault `number` (from 1). `pause` is in seconds; `details` is the seed from which victims and durations come."""

    number: int
    kind: Kind
    pause: float
    details: int

    def dice(self) -> Random:
        """Return the generator of its details, always from the beginning."""
        return Random(self.details)


def faults(seed: int, kinds: Sequence[Kind]) -> Iterator[Fault]:
    """Yield faults without end, deck after deck; a deck is opened by one of each kind, so that even a short drill
    meets many."""
    dice = Random(seed)
    number = 0
    while True:
        for kind in _deck(dice, kinds):
            number += 1
            yield Fault(number, kind, dice.uniform(*PAUSES), dice.getrandbits(64))


def _deck(dice: Random, kinds: Sequence[Kind]) -> Iterator[Kind]:
    rest = [kind for kind in kinds for _ in range(TRAITS[kind].share - 1)]
    yield from dice.sample(kinds, len(kinds))
    yield from dice.sample(rest, len(rest))
