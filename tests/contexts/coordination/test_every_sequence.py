"""Whatever is answered, how often and in whatever sequence: no journey comes to an impossible end."""

from itertools import product
from random import Random

import pytest

from contexts.coordination.journey import FINAL, Status
from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.saga import Kind
from tests.contexts.examples import an_order

from .every_standing import ANSWERS, OVERDUE, Standing, every_standing
from .journey_dsl import Journey

PIVOT = [step.kind for step in PLACE_ORDER.steps].index(Kind.PIVOT)


@pytest.fixture(scope="module")
def standings() -> dict[Standing, dict[str, Standing]]:
    return every_standing()


def test_both_ends_can_be_come_to(standings: dict[Standing, dict[str, Standing]]) -> None:
    assert {standing.status for standing in standings} == set(Status)


def test_no_command_goes_forward_after_an_undoing_began_and_none_is_undone_out_of_turn(
    standings: dict[Standing, dict[str, Standing]],
) -> None:
    assert {standing.astray for standing in standings} == {None}


def test_a_completed_order_did_every_step_and_undid_none(standings: dict[Standing, dict[str, Standing]]) -> None:
    completed = [standing for standing in standings if standing.status is Status.COMPLETED]

    assert completed
    for standing in completed:
        assert standing.still_done == set(range(len(PLACE_ORDER.steps)))
        assert not standing.undoing
        assert not standing.closing


def test_an_undone_order_left_nothing_done(standings: dict[Standing, dict[str, Standing]]) -> None:
    undone = [standing for standing in standings if standing.status is Status.UNDONE]

    assert undone
    for standing in undone:
        assert not standing.still_done
        assert standing.closing


def test_no_order_is_undone_once_the_pivot_was_done(standings: dict[Standing, dict[str, Standing]]) -> None:
    assert not [one for one in standings if (one.undoing or one.closing) and max(one.sent, default=0) > PIVOT]


def test_a_journey_waits_for_something_exactly_until_it_is_over(standings: dict[Standing, dict[str, Standing]]) -> None:
    for standing in standings:
        assert standing.waits is (standing.status not in FINAL)


def test_nothing_leads_back_from_undoing_or_out_of_an_end(standings: dict[Standing, dict[str, Standing]]) -> None:
    for before, answers in standings.items():
        for after in answers.values():
            assert before.status is Status.RUNNING or after.status is not Status.RUNNING
            assert before.status not in FINAL or after.status is before.status


def test_from_everywhere_some_answers_lead_to_an_end(standings: dict[Standing, dict[str, Standing]]) -> None:
    leading = {standing for standing in standings if standing.status in FINAL}
    grew = True
    while grew:
        more = {one for one, answers in standings.items() if not leading.isdisjoint(answers.values())}
        grew = not more <= leading
        leading |= more

    assert leading == set(standings)


def test_journeys_that_were_merged_do_as_journeys_that_are_told_answer_by_answer(
    standings: dict[Standing, dict[str, Standing]],
) -> None:
    """The search resumes journeys from where they stand; here whole ones run beside it, chosen by a fixed seed."""
    kinds = {answer: type(event) for answer, event in ANSWERS.items()}
    first = next(iter(standings))
    short = product([*ANSWERS, OVERDUE], repeat=2)
    chance = Random(7)
    long = (chance.choices([*ANSWERS, OVERDUE], k=chance.randint(3, 30)) for _ in range(300))
    for sequence in [*short, *long]:
        standing, journey = first, Journey(PLACE_ORDER).begin(an_order())
        for answer in sequence:
            standing = standings[standing][answer]
            if answer in kinds:
                journey.receives(kinds[answer])
            elif journey.state.due_at:
                journey.waits_too_long()
        assert (journey.status, journey.state.place) == (standing.status, standing.place)
        assert len(journey.history) == journey.state.version
