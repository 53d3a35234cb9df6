"""When the drill's faults come and which of them count: faults of the tests' own, no server needed."""

import asyncio
import time
from collections import Counter
from itertools import count, islice, pairwise
from pathlib import Path
from random import Random

import pytest

from drilling.injection import TRIES, Injection, shortfall
from drilling.kinds import TRAITS, Kind, patience
from drilling.ledger import Ledger
from drilling.memory import Memory
from drilling.platform import Platform
from drilling.recovery import Recoveries
from drilling.result import Result
from drilling.schedule import Fault, faults
from drilling.site import Site, Strike, Struck

KINDS = (Kind.REDIS_STOP, Kind.KILL_WORKER, Kind.RABBITMQ_RESTART)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(Platform("none", tmp_path, None, keep=False), None)


def result() -> Result:
    return Result(7, Ledger(), Recoveries(), Memory())


def plan(number: int, *kinds: Kind) -> list[Fault]:
    return [Fault(one.number, one.kind, 0.0, one.details) for one in islice(faults(7, kinds), number)]


def inject(site: Site, planned: list[Fault], strike: Strike, *, hurrying: bool = True) -> tuple[Result, int]:
    injection = Injection(site, dict.fromkeys(Kind, strike), result(), site.platform.log / "faults.log", hurrying)
    asyncio.run(injection.run(planned, lambda: True))
    return injection.result, injection.drawn


@pytest.mark.parametrize("kind", Kind)
def test_in_a_hurry_no_recovery_is_waited_for(kind: Kind) -> None:
    assert patience(kind, hurrying=True) == 0
    assert patience(kind, hurrying=False) == TRAITS[kind].patience > 0


def test_even_in_a_hurry_a_fault_begins_only_when_the_server_of_the_last_one_is_back(site: Site) -> None:
    moments: list[tuple[float, float]] = []

    async def away_for_a_moment(_site: Site, _dice: Random) -> Struck:
        began = time.monotonic()
        await asyncio.sleep(0.05)
        moments.append((began, time.monotonic()))
        return Struck(time.monotonic(), "a server", 0.05)

    inject(site, plan(6, *KINDS), away_for_a_moment)

    assert len(moments) == 6
    assert all(before[1] <= after[0] for before, after in pairwise(moments))


def test_a_fault_that_found_nothing_is_drawn_again_with_other_details_and_counted_once(site: Site) -> None:
    details: list[float] = []

    async def at_the_third_try(_site: Site, dice: Random) -> Struck | None:
        details.append(dice.random())
        return Struck(time.monotonic(), "something") if len(details) == 3 else None

    found, drawn = inject(site, plan(1, Kind.MESSAGES_REORDERED), at_the_third_try)

    assert found.faults == Counter({Kind.MESSAGES_REORDERED: 1})
    assert (drawn, len(set(details))) == (1, 3)


def test_a_fault_that_never_found_anything_is_not_counted(site: Site) -> None:
    tries = count()

    async def never(_site: Site, _dice: Random) -> None:
        next(tries)

    found, drawn = inject(site, plan(1, Kind.GATEWAY_ERRORS), never)

    assert (found.faults, drawn, next(tries)) == (Counter(), 1, TRIES)
    assert shortfall(found.faults, (Kind.GATEWAY_ERRORS,), drawn, ran_out=False)


def test_fewer_faults_than_asked_for_are_a_violation() -> None:
    done = Counter({Kind.KILL_WORKER: 3})

    assert shortfall(done, (Kind.KILL_WORKER,), 3, ran_out=False) == []
    assert shortfall(done, (Kind.KILL_WORKER,), 3, ran_out=True) == [
        "only 3 faults were done: all orders were offered before the last one"
    ]


def test_a_kind_that_never_happened_is_a_violation_once_the_opening_of_the_deck_was_drawn() -> None:
    done = Counter({Kind.KILL_WORKER: 1, Kind.REDIS_STOP: 1})

    assert shortfall(done, KINDS, 2, ran_out=False) == []
    assert shortfall(done, KINDS, 3, ran_out=False) == ["rabbitmq_restart never happened, although it was drawn"]
