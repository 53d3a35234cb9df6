"""Threads that come at the same time become batches; nobody waits for company, and nobody is forgotten."""

import gc
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random

import pytest

from actors.runtime.meeting import Meeting
from tests.persistence.virtual_host import eventually


class Gate:
    """Work that stands still at a closed gate, and remembers its batches."""

    def __init__(self, fails: Callable[[int], bool] = lambda item: False) -> None:
        self.open = threading.Event()
        self.batches: list[list[int]] = []
        self._fails = fails

    def work(self, items: Sequence[int]) -> None:
        self.batches.append(list(items))
        assert self.open.wait(10)
        if any(map(self._fails, items)):
            raise ZeroDivisionError(str(items))


def waiting(meeting: Meeting[int]) -> int:
    return len(meeting._waiting)


def join_behind(
    gate: Gate, meeting: Meeting[int], threads: ThreadPoolExecutor, *shares: list[int]
) -> list["Future[None]"]:
    """Let a first share stand at the gate, and the others come while it does, in order."""
    joined = [threads.submit(meeting.join, [0])]
    eventually(lambda: gate.batches)
    for share in shares:
        joined.append(threads.submit(meeting.join, share))
        eventually(lambda: waiting(meeting) == len(joined) - 1)
    return joined


def test_who_comes_alone_is_done_at_once() -> None:
    gate = Gate()
    gate.open.set()
    begun = time.monotonic()

    for item in range(100):
        Meeting(gate.work, 200).join([item])

    assert gate.batches == [[item] for item in range(100)]
    assert time.monotonic() - begun < 1


def test_whoever_comes_while_others_work_is_done_together_with_all_who_wait() -> None:
    gate = Gate()
    meeting = Meeting(gate.work, 200)
    with ThreadPoolExecutor(8) as threads:
        joined = join_behind(gate, meeting, threads, [1], [2, 3], [4], [5])
        gate.open.set()
        for future in joined:
            future.result(10)

    assert gate.batches == [[0], [1, 2, 3, 4, 5]]


def test_a_batch_never_exceeds_its_bound_unless_one_share_alone_does() -> None:
    gate = Gate()
    meeting = Meeting(gate.work, 4)
    with ThreadPoolExecutor(8) as threads:
        joined = join_behind(gate, meeting, threads, [1, 2, 3], [4], [5], [6, 7, 8, 9, 10, 11], [12])
        gate.open.set()
        for future in joined:
            future.result(10)

    assert gate.batches == [[0], [1, 2, 3, 4], [5], [6, 7, 8, 9, 10, 11], [12]]


@pytest.mark.parametrize("shares", [([1], [2, 3, 4, 5]), ([1, 2, 3], [4, 5, 6, 7]), ([1, 2], [3, 4, 5])])
def test_a_batch_that_nothing_more_fits_into_does_not_wait_nor_does_a_full_one_behind_it(
    shares: tuple[list[int], list[int]],
) -> None:
    gate = Gate()
    meeting = Meeting(gate.work, 4, at_once=3)
    with ThreadPoolExecutor(8) as threads:
        joined = [threads.submit(meeting.join, [0])]
        eventually(lambda: gate.batches == [[0]])
        joined.append(threads.submit(meeting.join, shares[0]))
        eventually(lambda: waiting(meeting) == 1)
        joined.append(threads.submit(meeting.join, shares[1]))
        full = [share for share in shares if share is shares[0] or len(share) == 4]
        eventually(lambda: sorted(gate.batches) == [[0], *full])
        gate.open.set()
        for future in joined:
            future.result(10)

    assert sorted(gate.batches) == [[0], *shares]


def test_what_is_done_is_kept_by_nobody() -> None:
    class Thing:
        pass

    meeting = Meeting[Thing](lambda things: None, 10)
    thing = Thing()
    gone = weakref.ref(thing)
    gc.disable()
    try:
        meeting.join([thing])
        del thing
        assert gone() is None
    finally:
        gc.enable()


def test_as_much_as_fills_a_batch_is_worked_at_beside_the_first_where_that_is_allowed() -> None:
    gate = Gate()
    meeting = Meeting(gate.work, 4, at_once=3)
    with ThreadPoolExecutor(8) as threads:
        joined = [threads.submit(meeting.join, [0])]
        eventually(lambda: gate.batches == [[0]])
        joined.append(threads.submit(meeting.join, [1, 2]))
        eventually(lambda: waiting(meeting) == 1)
        joined.append(threads.submit(meeting.join, [3, 4]))
        eventually(lambda: gate.batches == [[0], [1, 2, 3, 4]])
        joined.append(threads.submit(meeting.join, [5, 6, 7, 8]))
        eventually(lambda: gate.batches[2:] == [[5, 6, 7, 8]])
        joined.append(threads.submit(meeting.join, [9, 10, 11, 12]))
        eventually(lambda: waiting(meeting) == 1)
        joined.append(threads.submit(meeting.join, [13]))
        eventually(lambda: waiting(meeting) == 2)
        assert len(gate.batches) == 3
        gate.open.set()
        for future in joined:
            future.result(10)

    assert gate.batches[3:] == [[9, 10, 11, 12], [13]]


def test_an_exception_reaches_every_member_of_its_batch_and_no_other() -> None:
    gate = Gate(fails=lambda item: item == 2)
    meeting = Meeting(gate.work, 3)
    with ThreadPoolExecutor(8) as threads:
        joined = join_behind(gate, meeting, threads, [1], [2], [3], [4], [5])
        gate.open.set()
        outcomes = [type(future.exception(10)) for future in joined]

    assert gate.batches == [[0], [1, 2, 3], [4, 5]]
    assert outcomes == [type(None), *[ZeroDivisionError] * 3, *[type(None)] * 2]


def test_a_meeting_goes_on_after_an_exception_that_is_no_fault() -> None:
    def interrupted(items: Sequence[int]) -> None:
        if items == [1]:
            raise KeyboardInterrupt

    meeting = Meeting(interrupted, 10)
    with pytest.raises(KeyboardInterrupt):
        meeting.join([1])

    meeting.join([2])


@pytest.mark.parametrize("at_once", [1, 3])
def test_of_many_threads_everyone_is_done_once_and_no_more_batches_at_a_time_than_may_be(at_once: int) -> None:
    done: list[int] = []
    at_work: list[int] = []

    def work(items: Sequence[int]) -> None:
        at_work.append(1)
        assert len(at_work) <= at_once
        done.extend(items)
        time.sleep(0.0005)
        at_work.pop()

    meeting = Meeting(work, 7, at_once)

    def come(thread: int) -> None:
        dice = Random(thread)
        for n in range(50):
            first = thread * 1000 + n * 10
            meeting.join(range(first, first + dice.randint(1, 9)))

    with ThreadPoolExecutor(16) as threads:
        for _ in threads.map(come, range(16)):
            pass

    dice_rolls = [Random(thread) for thread in range(16)]
    expected = sum(dice.randint(1, 9) for dice in dice_rolls for _ in range(50))
    assert len(done) == len(set(done)) == expected
