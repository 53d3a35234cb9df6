"""What the drill's seed decides, and how it counts: no server needed."""

from datetime import date
from itertools import islice
from random import Random
from uuid import uuid4

import pika
import pytest

from demonstration.cdnow import Purchase
from demonstration.outcomes import COMPLETED, planned
from drilling import cancellations
from drilling.killing import crash_points
from drilling.kinds import TRAITS, Kind, possible
from drilling.ledger import Ledger
from drilling.left_over import Stores, unexplained
from drilling.meddling import Order, Taken, delayed, duplicated, reordered
from drilling.recovery import Recoveries
from drilling.schedule import Fault, faults

HEAVY = (Kind.RABBITMQ_RESTART, Kind.POSTGRESQL_RESTART, Kind.REDIS_STOP, Kind.MONGODB_STOP)


def first(count: int, seed: int) -> list[Fault]:
    return list(islice(faults(seed, tuple(Kind)), count))


def test_a_seed_repeats_the_same_faults_with_the_same_details() -> None:
    again = first(200, seed=7)

    assert first(200, seed=7) == again
    assert [fault.dice().random() for fault in again] == [fault.dice().random() for fault in first(200, seed=7)]


def test_another_seed_gives_other_faults() -> None:
    assert [fault.kind for fault in first(50, seed=7)] != [fault.kind for fault in first(50, seed=8)]


@pytest.mark.parametrize("seed", range(20))
def test_two_hundred_faults_hold_every_kind_and_each_heavy_one_at_least_twice(seed: int) -> None:
    drawn = [fault.kind for fault in first(200, seed)]

    assert set(drawn) == set(Kind)
    assert all(drawn.count(kind) >= 2 for kind in HEAVY)


def test_a_short_drill_meets_each_kind_before_any_twice() -> None:
    assert len({fault.kind for fault in first(len(Kind), seed=3)}) == len(Kind)


def test_a_server_of_the_callers_own_is_never_broken() -> None:
    chosen, left_out = possible(tuple(Kind), {"RABBITMQ_URL"}, clocks=True)

    assert Kind.RABBITMQ_RESTART not in chosen
    assert Kind.RABBITMQ_CONNECTIONS_CLOSED not in chosen
    assert Kind.POSTGRESQL_RESTART in chosen
    assert len(left_out) == 2


def test_without_libfaketime_only_the_clocks_stay_right() -> None:
    chosen, left_out = possible(tuple(Kind), (), clocks=False)

    assert set(Kind) - set(chosen) == {Kind.CLOCK_SKEW}
    assert "libfaketime" in left_out[0]


def test_every_kind_has_its_share() -> None:
    assert TRAITS.keys() == set(Kind)
    assert all(traits.share > 0 for traits in TRAITS.values())


def test_points_of_a_call_are_drawn_only_for_actors_that_call() -> None:
    calling = {actor for point, actor in crash_points() if point == "after_call"}

    assert calling == {"any", "orders.authorize_payment", "orders.settle_order", "delivery.schedule_delivery"}


def envelopes(count: int) -> list[Taken]:
    return [(tag, pika.BasicProperties(), b"%d" % tag) for tag in range(count)]


@pytest.mark.parametrize(("order", "times"), [(duplicated, 2), (delayed, 1), (reordered, 1)])
def test_no_envelope_is_lost_by_meddling(order: Order, times: int) -> None:
    taken = envelopes(30)

    published = [one[0] for one in order(taken, Random(1)) if not isinstance(one, float)]

    assert sorted(published) == sorted(list(range(30)) * times)


def test_envelopes_are_published_in_another_order() -> None:
    published = [one[0] for one in reordered(envelopes(30), Random(1)) if not isinstance(one, float)]

    assert published != sorted(published)


@pytest.mark.parametrize("seed", range(20))
def test_two_envelopes_always_change_places_and_one_has_no_other_order(seed: int) -> None:
    assert [one[0] for one in reordered(envelopes(2), Random(seed)) if not isinstance(one, float)] == [1, 0]
    assert list(reordered(envelopes(1), Random(seed))) == []


def test_an_order_that_may_have_been_completed_before_the_fault_ended_is_no_recovery() -> None:
    recoveries = Recoveries()
    recovery = recoveries.begin(Kind.KILL_WORKER, ended_at=100.0)

    recoveries.completed(since=99.9, now=100.1, latest_acceptance=99.0)
    assert not recovery.seen.is_set()

    recoveries.completed(since=100.1, now=100.5, latest_acceptance=99.0)
    assert recovery.seen.is_set()
    assert recoveries.of_any_order() == {"kill_worker": {"p50": 0.5, "max": 0.5}}


def test_a_new_order_is_one_that_was_accepted_after_the_fault() -> None:
    recoveries = Recoveries()
    recoveries.begin(Kind.KILL_WORKER, ended_at=100.0)

    recoveries.completed(since=101.0, now=102.0, latest_acceptance=99.0)
    assert recoveries.of_new_orders() == {}

    recoveries.completed(since=102.0, now=103.0, latest_acceptance=100.2)
    assert recoveries.of_new_orders() == {"kill_worker": {"p50": 3.0, "max": 3.0}}


def test_an_order_that_was_offered_and_not_yet_accepted_is_unfinished() -> None:
    ledger, order = Ledger(), planned([Purchase(1, date(1997, 1, 1), 1, 1177)])[0]
    ledger.offered = 1
    assert ledger.unfinished == 1

    order_id = uuid4()
    ledger.accept(order_id, order)
    assert ledger.unfinished == 1

    ledger.finish(order_id, COMPLETED)
    assert (ledger.unfinished, ledger.completed) == (0, 1)


def test_a_cancelled_order_may_be_undone_by_that_or_end_as_its_purchase_demands() -> None:
    order = planned([Purchase(1, date(1997, 1, 1), 1, 1177)])[0]
    cancelled, too_late, overdue, open_still = uuid4(), uuid4(), uuid4(), uuid4()
    came = {cancelled: "cancelled", too_late: COMPLETED, overdue: "pay_overdue"}

    found = cancellations.surprises(dict.fromkeys((cancelled, too_late, overdue, open_still), order), came)

    assert found == [
        f"order {overdue} (purchase 1, ordinary) was to be completed or cancelled, but its saga says pay_overdue"
    ]


def test_what_lay_there_before_the_drill_is_not_held_against_it() -> None:
    letter, later = uuid4(), uuid4()
    before = Stores({"orders.XQ": 1}, {"orders": 2}, {}, {letter: "an old one"})
    after = Stores(
        {"orders.XQ": 1, "orders": 3}, {"orders": 2, "delivery": 1}, {}, {letter: "an old one", later: "new"}
    )

    assert unexplained(before, before) == []
    assert unexplained(before, after) == [
        "queue orders holds 3 envelopes, 0 before the drill",
        "the outbox of delivery holds 1 envelopes, 0 before the drill",
        "new",
    ]
