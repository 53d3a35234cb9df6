"""Whatever is answered, wished and waited for, in whatever sequence: no order comes to an impossible end."""

from itertools import product
from random import Random

import pytest

from contexts.coordination.journey import Journey as Engine
from contexts.coordination.messages import ResumeJourney, RetryStep, ReverseJourney
from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.place_order_1 import PLACE_ORDER_1
from contexts.coordination.return_order import RETURN_ORDER
from contexts.coordination.saga import Kind
from contexts.coordination.transitions import AT_RISK_MINOR, ESCALATE_AFTER, Status
from contexts.delivery.messages import CancellationRefused
from tests.contexts.examples import an_order

from .every_standing import CANCEL, OVERDUE, RESUME, RETRY, REVERSE, EveryStanding, Order, Standing
from .journey_dsl import Journey
from .parallel import PARALLEL

COURSES = (Status.RUNNING, Status.COMPENSATING, Status.COMPLETED, Status.UNDONE)


@pytest.fixture(scope="module", params=["one by one", "version 1", "in parallel", "much at risk"])
def every(request: pytest.FixtureRequest) -> EveryStanding:
    saga = {"version 1": PLACE_ORDER_1, "in parallel": PARALLEL}.get(request.param, PLACE_ORDER)
    return EveryStanding(saga, AT_RISK_MINOR if request.param == "much at risk" else 100)


def journeys(every: EveryStanding) -> list[Standing]:
    """Every standing of either saga."""
    return [one for order in every.known for one in (order.placing, order.returning) if one]


def pivot(every: EveryStanding) -> int:
    return [stage.kind for stage in every.saga.stages].index(Kind.PIVOT)


def test_every_end_can_be_come_to(every: EveryStanding) -> None:
    ends = {(one.placing.course, one.returning and one.returning.course) for one in every.known if one.is_settled}

    completed, undone = Status.COMPLETED, Status.UNDONE
    assert ends == {(undone, None), (completed, None), (completed, completed), (completed, undone)}
    assert {one.course for one in journeys(every)} == set(COURSES)


def test_no_command_goes_forward_too_early_or_after_an_undoing_began_and_none_is_undone_out_of_turn(
    every: EveryStanding,
) -> None:
    assert {standing.astray for standing in journeys(every)} == {None}


def test_a_completed_journey_did_every_step_and_undid_none(every: EveryStanding) -> None:
    for order in every.known:
        for saga, standing in ((every.saga, order.placing), (RETURN_ORDER, order.returning)):
            if standing and standing.course is Status.COMPLETED:
                assert standing.done == standing.still_done == {step.name for step in saga.steps}
                assert not standing.undoing
                assert not standing.closing


def test_an_undone_journey_left_nothing_done(every: EveryStanding) -> None:
    for standing in journeys(every):
        if standing.course is Status.UNDONE:
            assert not standing.still_done
            assert standing.closing


def test_no_order_is_undone_once_the_pivot_was_done(every: EveryStanding) -> None:
    behind = {step.name for stage in every.saga.stages[pivot(every) + 1 :] for step in stage.steps}

    assert not [
        one for one in every.known if (one.placing.undoing or one.placing.closing) and one.placing.sent & behind
    ]


def test_an_order_returns_only_when_it_was_completed(every: EveryStanding) -> None:
    assert {one.placing.course for one in every.known if one.returning} == {Status.COMPLETED}


def test_what_somebody_wished_undone_never_ends_as_if_nobody_had(every: EveryStanding) -> None:
    for order in every.known:
        assert not (order.placing.wish and order.placing.course is Status.COMPLETED and order.returning is None)


def test_a_journey_waits_for_something_exactly_until_it_is_over(every: EveryStanding) -> None:
    for standing in journeys(every):
        assert standing.waits is not standing.is_final
        assert standing.pending or standing.is_final or standing.closing


def test_nothing_leads_back_from_undoing_but_a_pivot_that_cannot_be_undone_and_nothing_out_of_an_end(
    every: EveryStanding,
) -> None:
    ways_back = set()
    for order, inputs in every.known.items():
        for name, after in inputs.items():
            for old, new in ((order.placing, after.placing), (order.returning, after.returning)):
                if old:
                    assert new
                    if old.course is not Status.RUNNING and new.course is Status.RUNNING:
                        ways_back.add((name, old.place, new.place))
                    assert not old.is_final or new == old

    assert ways_back == {(CancellationRefused.wire_name, pivot(every), pivot(every) + 1)}


def test_what_cannot_be_undone_goes_on_at_once_with_what_follows_the_pivot(every: EveryStanding) -> None:
    refused = CancellationRefused.wire_name
    following = [type(step.asked(every.order, "")) for step in every.saga.stages[pivot(every) + 1].steps]

    for order, inputs in every.known.items():
        if inputs[refused] == order:
            assert every.sends[order, refused] == []
        else:
            assert order.placing.undoing == {"ship"}
            assert every.sends[order, refused] == following
            assert inputs[refused].placing.wish == (order.placing.wish or order.placing.wished)
            assert not inputs[refused].placing.stuck


def test_from_everywhere_some_answers_lead_to_an_end(every: EveryStanding) -> None:
    answers = {kind.wire_name for kind in every.definitions.listens_to()}
    leading = {order for order in every.known if order.is_settled}
    grew = True
    while grew:
        more = {
            order
            for order, inputs in every.known.items()
            if any(after in leading for name, after in inputs.items() if name in answers)
        }
        grew = not more <= leading
        leading |= more

    assert leading == set(every.known)


def test_a_cancelled_order_is_undone_or_returns_or_stays_completed_because_the_carrier_refused(
    every: EveryStanding,
) -> None:
    """From a standing in which it was cancelled no sequence leads to an end that forgets it."""
    cancelled = {inputs[CANCEL] for order, inputs in every.known.items() if order.placing.course is not Status.UNDONE}
    reached, waiting = set(cancelled), list(cancelled)
    while waiting:
        for after in every.known[waiting.pop()].values():
            if after not in reached:
                reached.add(after)
                waiting.append(after)

    settled = [order for order in reached if order.is_settled]
    assert settled
    assert all(order.placing.course is Status.UNDONE or order.returning for order in settled)


@pytest.mark.parametrize("wish", [CANCEL, REVERSE])
def test_a_wish_that_is_told_twice_changes_nothing_more(every: EveryStanding, wish: str) -> None:
    for order, inputs in every.known.items():
        once = inputs[wish]
        assert every.known[once][wish] == once, order
        assert every.sends[once, wish] == []


def test_before_the_pivot_a_wish_turns_the_journey_round_at_once(every: EveryStanding) -> None:
    for order, inputs in every.known.items():
        if order.placing.course is Status.RUNNING and order.placing.place < pivot(every):
            assert inputs[CANCEL].placing.course is inputs[REVERSE].placing.course is Status.COMPENSATING
            assert every.sends[order, CANCEL] == every.sends[order, REVERSE] != []


def test_at_the_pivot_a_customer_waits_for_the_carrier_and_an_operator_does_not(every: EveryStanding) -> None:
    for order, inputs in every.known.items():
        if order.placing.course is Status.RUNNING and order.placing.place == pivot(every):
            assert inputs[CANCEL].placing.course is Status.RUNNING
            assert every.sends[order, CANCEL] == []
            assert inputs[REVERSE].placing.course is Status.COMPENSATING


def test_only_what_must_succeed_is_ever_stuck_and_it_is_sent_again_all_the_same(every: EveryStanding) -> None:
    stuck = [order for order in every.known if any(one and one.stuck for one in (order.placing, order.returning))]

    assert stuck
    for order in stuck:
        concerned = order.returning or order.placing
        assert concerned.course is Status.COMPENSATING or order.returning or concerned.place > pivot(every)
        assert every.known[order][OVERDUE] == order
        assert len(every.sends[order, OVERDUE]) == max(len(concerned.pending), 1)


def test_what_was_sent_too_often_or_risks_too_much_is_stuck(every: EveryStanding) -> None:
    for order, inputs in every.known.items():
        after = inputs[OVERDUE].returning or inputs[OVERDUE].placing
        before = order.returning or order.placing
        if after.course is before.course and not before.is_final:
            often = before.times_sent >= ESCALATE_AFTER or every.order.total_minor >= AT_RISK_MINOR
            assert after.stuck is (before.stuck or often)


def test_whatever_moves_a_stuck_journey_ends_its_standstill(every: EveryStanding) -> None:
    answers = {kind.wire_name for kind in every.definitions.listens_to()}
    for order, inputs in every.known.items():
        before = order.returning or order.placing
        for name in answers if before.stuck else ():
            after = inputs[name].returning or inputs[name].placing
            assert inputs[name] == order or not after.stuck


def test_resuming_only_ends_a_standstill_and_sends_what_is_waited_for(every: EveryStanding) -> None:
    for order, inputs in every.known.items():
        before = order.returning or order.placing
        after = inputs[RESUME].returning or inputs[RESUME].placing
        if before.stuck:
            assert (after.stuck, after.times_sent, after.pending) == (False, 1, before.pending)
            assert every.sends[order, RESUME] == every.sends[order, RETRY]
        else:
            assert inputs[RESUME] == order
            assert every.sends[order, RESUME] == []


def test_a_retry_sends_what_is_waited_for_and_changes_nothing(every: EveryStanding) -> None:
    for order, inputs in every.known.items():
        concerned = order.returning or order.placing
        assert inputs[RETRY] == order
        assert len(every.sends[order, RETRY]) == (0 if concerned.is_final else max(len(concerned.pending), 1))


def test_orders_that_were_merged_do_as_orders_that_are_told_everything_one_by_one(every: EveryStanding) -> None:
    """The search resumes journeys from where they stand; here whole ones run beside it, chosen by a fixed seed."""
    chance = Random(7)
    short = product(every.inputs, repeat=2)
    answers = [kind.wire_name for kind in every.definitions.listens_to()]
    long = (chance.choices([*answers, *every.inputs], k=chance.randint(3, 60)) for _ in range(300))
    guided = (guided_walk(every, chance) for _ in range(100))
    for sequence in [*short, *long, *guided]:
        standing = every.first
        order = an_order(order_id=every.order.order_id, total_minor=every.order.total_minor)
        journey = Journey(every.saga).begin(order)
        for name in sequence:
            standing = every.known[standing][name]
            tell(journey, name)
        assert told(journey.state) == stands(standing.placing)
        assert bool(journey.returning) is bool(standing.returning)
        if journey.returning and standing.returning:
            assert told(journey.returning) == stands(standing.returning)
        assert len(journey.history) == journey.state.version


def guided_walk(every: EveryStanding, chance: Random) -> list[str]:
    """Return inputs of which each one changes something, so that the far ends are come to."""
    order, sequence = every.first, []
    for _ in range(chance.randint(5, 25)):
        moving = [name for name, after in every.known[order].items() if after != order]
        if not moving:
            break
        sequence.append(chance.choice(moving))
        order = every.known[order][sequence[-1]]
    return sequence


def told(journey: Engine) -> tuple[object, ...]:
    return journey.course, journey.place, journey.pending, journey.stuck_since is not None, journey.wish


def stands(standing: Standing) -> tuple[object, ...]:
    return standing.course, standing.place, standing.pending, standing.stuck, standing.wish


def tell(journey: Journey, name: str) -> None:
    interventions = {RESUME: ResumeJourney, RETRY: RetryStep, REVERSE: ReverseJourney}
    kinds = {kind.wire_name: kind for kind in journey.journeys.definitions.listens_to()}
    if name == CANCEL:
        journey.is_cancelled()
    elif name in interventions:
        journey.meets(interventions[name])
    elif name in kinds:
        try:
            journey.receives(kinds[name])
        except LookupError:
            assert journey.returning is None, "only an answer to a return that was never begun belongs to no journey"
    elif journey.under_way.due_at:
        journey.waits_too_long()


def test_the_search_is_over_more_than_a_handful(every: EveryStanding) -> None:
    assert all(isinstance(order, Order) for order in every.known)
    assert len(every.known) > 50
