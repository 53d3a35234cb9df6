"""The clock: the same moment gives the same tick, whoever sends it."""

from datetime import UTC, datetime, timedelta

import pytest

from actors.scheduler import SCHEDULE, Tick
from contexts.coordination.messages import SweepDeadlines
from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.transitions import RESEND_AFTER
from contexts.delivery.messages import ReconcileShipments
from contexts.inventory.messages import ExpireReservations
from contexts.messages import Stamped
from contexts.orders.messages import ReconcilePayments
from contexts.reconciliation import RECONCILE_LAG
from tests.contexts.examples import NOW

TICK = Tick(5, lambda at: SweepDeadlines(at=at))


@pytest.mark.parametrize(
    ("now", "due"), [(0, 0), (4.999, 0), (5, 5), (7, 5), (9.999999, 5), (10, 10)], ids=lambda seconds: f"{seconds}s"
)
def test_a_tick_falls_on_whole_multiples_of_its_interval(now: float, due: float) -> None:
    assert TICK.due(NOW + timedelta(seconds=now)) == NOW + timedelta(seconds=due)


def test_the_same_moment_gives_the_same_message() -> None:
    first, second = TICK.stamped(NOW), TICK.stamped(NOW)

    assert (first.id, first.body, first.correlation_id) == (second.id, second.body, second.correlation_id)


def test_other_moments_and_other_commands_give_other_messages() -> None:
    ticks = [tick.stamped(at).id for tick in SCHEDULE for at in (NOW, NOW + timedelta(seconds=30))]

    assert len(set(ticks)) == len(ticks)


def test_a_tick_tells_its_own_time_and_can_be_read_from_the_wire() -> None:
    tick = TICK.stamped(NOW)

    assert tick.body == SweepDeadlines(at=NOW)
    assert Stamped.from_dict(tick.to_dict()) == tick


def test_deadlines_holds_payments_and_shipments_are_looked_after() -> None:
    kinds = {SweepDeadlines, ExpireReservations, ReconcilePayments, ReconcileShipments}

    assert {type(tick.command(NOW)) for tick in SCHEDULE} == kinds


def test_a_look_of_a_reconciliation_stays_behind_its_tick_and_has_a_name_of_its_own() -> None:
    looks = [
        command
        for tick in SCHEDULE
        for at in (NOW, NOW + timedelta(seconds=60))
        if isinstance(command := tick.command(at), ReconcilePayments | ReconcileShipments)
    ]

    assert {look.until for look in looks} == {NOW - RECONCILE_LAG, NOW + timedelta(seconds=60) - RECONCILE_LAG}
    assert len({look.run_id for look in looks}) == len(looks) == 4


def test_deadlines_are_swept_far_more_often_than_they_fall_due() -> None:
    (sweep,) = [tick for tick in SCHEDULE if isinstance(tick.command(NOW), SweepDeadlines)]
    shortest = min(RESEND_AFTER, *(step.deadline for step in PLACE_ORDER.steps))

    assert timedelta(seconds=sweep.every_seconds) * 10 <= shortest


def test_a_tick_is_of_the_time_zone_that_all_contexts_count_in() -> None:
    assert TICK.due(datetime.now(UTC)).tzinfo is UTC
