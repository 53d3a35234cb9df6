"""Whoever dies, wherever, and whatever is delivered twice: every order ends as it must, and all stores agree on it."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from .deaths import OF_A_FAILURE, Case, cases, registered
from .failing import everything_fails_once, notifications_fail
from .journal import Entry, sent_twice
from .kinds import KINDS, Kind
from .struck import END_SECONDS, Struck, struck_platform
from .twice import Doubling
from .upkeep import upkeep, what_stays_wrong

#: Every death on each way, by the name of the kind of order; `UPKEEP` is what is sent beside the orders.
Ways = dict[str, list[Case]]
UPKEEP = "upkeep"

#: Where messages fail: so often everything begins anew, at most, and after so many seconds.
ROUNDS, SECONDS_PER_ROUND = 12, 15.0


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Struck]:
    """A platform whose workers die where they are told to."""
    with struck_platform(tmp_path_factory.mktemp("struck")) as one:
        yield one


@pytest.fixture(scope="module")
def ways(struck: Struck) -> Ways:
    """Every death on each way, as seen when one order of each kind went it undisturbed."""
    prepared = {kind: struck.prepare(kind, 1)[0] for kind in KINDS}
    before = struck.sent([order.order_id for order in prepared.values()])
    product_id = uuid4()
    begun = {kind.name: (order.order_id, struck.begin(kind, order)) for kind, order in prepared.items()}
    begun[UPKEEP] = product_id, struck.send(upkeep(product_id), product_id)
    struck.wait_until_quiet()
    return {name: _cases(struck, one, outside, before) for name, (one, outside) in begun.items()}


def _cases(struck: Struck, correlation_id: UUID, from_outside: list[Entry], before: list[Entry]) -> list[Case]:
    posted = {entry.destination.actor for entry in struck.sent([correlation_id]) if entry not in before}
    return cases(posted | {entry.destination.actor for entry in from_outside}, posted)


def test_every_registered_actor_is_on_a_way_that_is_tried(ways: Ways) -> None:
    tried = {case.actor for way in ways.values() for case in way}

    assert registered().keys() - tried == set()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_order_survives_a_death_at_every_crash_point_of_every_actor_on_its_way(
    struck: Struck, ways: Ways, kind: Kind
) -> None:
    orders = struck.prepare(kind, len(ways[kind.name]))
    waiting, kinds = iter(orders), {order.order_id: kind for order in orders}
    outside: list[Entry] = []

    struck.strike(ways[kind.name], lambda: outside.extend(struck.begin(kind, next(waiting))))
    struck.wait_until_quiet()
    assert struck.violations(kinds) == []

    struck.repeat(outside, list(kinds))
    struck.wait_until_quiet()
    assert struck.violations(kinds) == []


def test_what_is_sent_beside_the_orders_survives_a_death_at_every_crash_point(struck: Struck, ways: Ways) -> None:
    products: list[UUID] = []

    def begin() -> None:
        products.append(product_id := uuid4())
        struck.send(upkeep(product_id), product_id)

    struck.strike(ways[UPKEEP], begin)
    struck.wait_until_quiet()

    assert what_stays_wrong(struck.platform, products, END_SECONDS) == []
    assert sent_twice(struck.platform, products) == []
    assert struck.dead_or_parked() == []


def test_messages_that_fail_survive_a_death_before_and_after_they_are_put_aside(struck: Struck, ways: Ways) -> None:
    actors = sorted({case.actor for way in ways.values() for case in way})
    deaths = [Case(point, actor) for point in sorted(OF_A_FAILURE) for actor in actors]
    told = [case for case in deaths if case.actor.startswith("notifications.")]
    prepared = [(kind, iter(struck.prepare(kind, ROUNDS))) for kind in KINDS]
    begun: dict[UUID, Kind] = {}
    products: list[UUID] = []

    def begin_until_nobody_is_left(cases: list[Case]) -> None:
        """Begin a round now and then: one death may take the process just before it reaches another."""
        while left := struck.deaths.left(cases, 0):
            assert len(products) < ROUNDS, list(map(str, left))
            products.append(product_id := uuid4())
            struck.send(upkeep(product_id), product_id)
            for kind, orders in prepared:
                begun[(order := next(orders)).order_id] = kind
                struck.begin(kind, order)
            struck.deaths.left(cases, SECONDS_PER_ROUND)

    for case in deaths:
        struck.deaths.arm(case)
    with notifications_fail(struck.platform):
        begin_until_nobody_is_left(told)
    with everything_fails_once(struck.platform):
        begin_until_nobody_is_left(deaths)
    struck.wait_until_quiet()

    assert struck.violations(begun) == []
    assert what_stays_wrong(struck.platform, products, END_SECONDS) == []


def test_a_message_that_is_delivered_again_before_and_after_it_is_done_has_one_effect(struck: Struck) -> None:
    made = [(kind, order) for kind in KINDS for order in struck.prepare(kind, 1)]
    kinds = {order.order_id: kind for kind, order in made}
    outside: list[Entry] = []

    def begin() -> list[Entry]:
        outside.extend(entry for kind, order in made for entry in struck.begin(kind, order))
        return outside

    doubling = Doubling(struck.platform, list(kinds))
    doubling.run(begin, lambda: struck.shop.final(kinds) == len(kinds), END_SECONDS)
    struck.wait_until_quiet()
    assert struck.violations(kinds) == []

    struck.repeat(outside, list(kinds))
    struck.wait_until_quiet()
    assert struck.violations(kinds) == []
