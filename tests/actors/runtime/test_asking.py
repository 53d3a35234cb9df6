"""Who is asked outside is asked once for one answer, with no transaction open, whatever fails around it."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from actors.runtime.handlers import AskingHandler
from contexts.inventory.messages import ReceiveStock, ReleaseStock
from contexts.messages import Message, Stamped
from tests.persistence.line import Line

from .marks import HERE, Marks, Work, message


class Outside:
    """A party outside that remembers what it was asked, and does something meanwhile."""

    def __init__(self, meanwhile: Any = None) -> None:
        self.asked: list[list[UUID]] = []
        self._meanwhile = meanwhile

    def perform(self, requests: Sequence[UUID]) -> Sequence[str]:
        self.asked.append(list(requests))
        if self._meanwhile:
            self._meanwhile(len(self.asked))
        return [f"answer to {request}" for request in requests]


def asking(outside: Outside, conclude: Any = None) -> AskingHandler:
    def ask(command: ReceiveStock, marks: Marks) -> UUID | None:
        marks.make(command, "asked")
        return None if command.quantity > 1 else command.delivery_id

    def tell(command: ReceiveStock, outcome: str | None, marks: Marks) -> Iterable[Message]:
        marks.make(command, f"told {outcome}")
        yield ReleaseStock(order_id=command.delivery_id, lines=())

    return AskingHandler(HERE, ReceiveStock, Marks, Marks, ask, lambda: outside.perform, conclude or tell)


def remarks(work: Work) -> list[str]:
    return [row[0] for row in work.rows("SELECT remark FROM marks ORDER BY 1")]


def test_the_attempt_is_on_record_and_no_transaction_is_open_while_the_outside_is_asked(work: Work) -> None:
    seen: list[Any] = []
    idle = (
        "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND query LIKE '%marks%'"
        " AND pid <> pg_backend_pid()"
    )
    one = message()
    work.process(asking(Outside(lambda _: seen.append((remarks(work), work.rows(idle))))), one)

    assert seen == [(["asked"], [(0,)])]
    assert remarks(work) == ["asked", f"told answer to {one.id}"]
    assert len(work.handed_over) == 1


def test_a_batch_is_asked_together_and_each_gets_its_own_answer(work: Work) -> None:
    messages, outside = [message() for _ in range(5)], Outside()
    nothing_to_ask = message()
    unasked = Stamped(
        nothing_to_ask.id,
        nothing_to_ask.body.model_copy(update={"quantity": 2}),
        nothing_to_ask.correlation_id,
        None,
        nothing_to_ask.occurred_at,
    )
    work.process(asking(outside), *messages[:2], unasked, *messages[2:], messages[0])

    assert outside.asked == [[one.id for one in messages]]
    told = work.rows("SELECT message, remark FROM marks WHERE remark LIKE 'told%' ORDER BY 1")
    assert told == sorted([*((one.id, f"told answer to {one.id}") for one in messages), (unasked.id, "told None")])


def test_what_is_asked_and_what_is_concluded_are_kept_in_repositories_of_their_own(work: Work) -> None:
    bound: list[str] = []

    class Attempts(Marks):
        def prefetch(self, messages: Sequence[Message]) -> None:
            bound.append("attempts")

    class Answers(Marks):
        def prefetch(self, messages: Sequence[Message]) -> None:
            bound.append("answers")

    work.process(replace(asking(Outside()), asked_in=Attempts, repository=Answers), message())

    assert bound == ["attempts", "answers"]


def test_what_was_concluded_before_is_not_asked_again(work: Work) -> None:
    one, outside = message(), Outside()
    for _ in range(3):
        work.process(asking(outside), one)

    assert len(outside.asked) == 1
    assert len(work.handed_over) == 1


def test_what_another_process_concludes_meanwhile_is_not_concluded_again(work: Work) -> None:
    one, other = message(), message()
    work.process(asking(Outside(lambda _: work.process(asking(Outside()), one))), one, other)

    told = work.rows("SELECT message FROM marks WHERE remark LIKE 'told%' ORDER BY 1")
    assert [row[0] for row in told] == sorted([one.id, other.id])
    assert sum(len(parcel.messages) for parcel in work.handed_over) == 2


def test_when_the_outcome_cannot_be_recorded_yet_the_outside_is_not_asked_for_it_again(work: Work, line: Line) -> None:
    def cut_once(time: int) -> None:
        if time == 1:
            line.cut()
            threading.Timer(0.2, line.mend).start()

    one, outside = message(), Outside(cut_once)
    work.process(asking(outside), one)

    assert outside.asked == [[one.id]]
    assert remarks(work) == ["asked", f"told answer to {one.id}"]


def test_an_outside_that_raises_leaves_the_attempt_on_record_and_the_message_comes_again(work: Work) -> None:
    def fail(time: int) -> None:
        raise ConnectionResetError

    one = message()
    work.process(asking(Outside(fail)), one)

    assert remarks(work) == ["asked"]
    assert work.aside() == [one.tried_again()]


def test_one_outcome_that_cannot_be_concluded_harms_no_other(work: Work) -> None:
    poison, good = message(), message()

    def conclude(command: ReceiveStock, outcome: str, marks: Marks) -> Iterable[Message]:
        if command.delivery_id == poison.id:
            raise ZeroDivisionError
        marks.make(command, "told")
        yield ReleaseStock(order_id=command.delivery_id, lines=())

    work.process(asking(Outside(), conclude), poison, good)

    assert work.rows("SELECT message FROM marks WHERE remark = 'told'") == [(good.id,)]
    assert work.aside() == [poison.tried_again()]
