"""Each message has its effect once, whatever happens around it, on a real database."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from actors.runtime.exactly_once import Stopping
from actors.runtime.handlers import Handler, TryAgain
from contexts.catalog.messages import PutProduct
from contexts.inventory.messages import ReceiveStock, ReleaseStock
from contexts.messages import Message, Stamped, first_cause
from persistence.postgres_store import PostgresStore
from tests.persistence.line import Line
from tests.persistence.virtual_host import eventually

from .marks import CONSEQUENCE, HERE, Marks, Work, handler, mark, message


def ids(*messages: Stamped) -> list[UUID]:
    return sorted(one.id for one in messages)


def test_effect_and_consequence_are_committed_together_and_handed_over(work: Work) -> None:
    one, other = message(), message()
    work.process(handler(), one, other)

    assert work.marked() == ids(one, other)
    ((identity, queue, actor, count),) = work.rows("SELECT id, queue, actor, message_count FROM outbox")
    assert (queue, actor, count) == (CONSEQUENCE.queue, CONSEQUENCE.actor, 2)
    assert [parcel.id for parcel in work.handed_over] == [identity]
    expected = one.followed_by([ReleaseStock(order_id=one.id, lines=())], one.occurred_at)[0]
    assert b'"%s"' % str(expected.id).encode() in work.handed_over[0].messages[0]


def test_a_message_that_comes_twice_in_one_batch_has_one_effect(work: Work) -> None:
    one, other = message(), message()
    work.process(handler(), one, other, one, one)

    assert work.marked() == ids(one, other)
    assert len(work.handed_over[0].messages) == 2


def test_a_message_that_comes_in_two_batches_has_one_effect(work: Work) -> None:
    one, other = message(), message()
    work.process(handler(), one)
    work.process(handler(), one, other)
    work.process(handler(), other, one)

    assert work.marked() == ids(one, other)
    assert sum(len(parcel.messages) for parcel in work.handed_over) == 2


def test_what_is_raised_over_remembered_rows_is_tried_again_over_those_stored_and_costs_no_attempt(work: Work) -> None:
    one, other = message(), message()
    bound: list[Marks] = []

    class Remembering(Marks):
        """Remembers something, wrong, when the batch is done for the first time."""

        def __init__(self, connection: Any) -> None:
            super().__init__(connection)
            bound.append(self)
            self.remembers = len(bound) == 1

    def decide(command: ReceiveStock, marks: Remembering) -> Iterable[Message]:
        if marks.remembers:
            raise LookupError("what is remembered says so")
        return mark(command, marks)

    work.process(Handler(HERE, ReceiveStock, Remembering, decide), one, other)

    assert work.marked() == ids(one, other)
    assert [list(repository.batch) for repository in bound] == [[one.body, other.body]] * 2
    assert work.aside() == []


def test_messages_that_come_to_many_threads_at_once_have_one_effect_each(work: Work) -> None:
    messages = [message() for _ in range(40)]
    together = threading.Barrier(4)

    def process(step: int) -> None:
        together.wait()
        for begin in range(0, 40, 10):
            work.process(handler(), *messages[begin : begin + 10][::step])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(process, (1, -1, 1, -1)))

    assert work.marked() == ids(*messages)
    assert sum(len(parcel.messages) for parcel in work.handed_over) == 40


def test_one_poison_message_among_fifty_harms_only_itself(work: Work) -> None:
    messages = [message() for _ in range(49)]
    poison = message(poison=True)
    work.process(handler(), *messages[:20], poison, *messages[20:])

    assert work.marked() == ids(*messages)
    assert sum(len(parcel.messages) for parcel in work.handed_over) == 49
    aside = work.rows(
        "SELECT queue, actor, attempt, last_error, extract(epoch FROM available_at - created_at) FROM outbox"
        " WHERE attempt > 0"
    )
    ((queue, actor, attempt, error, wait),) = aside
    assert (queue, actor, attempt, error) == (HERE.queue, HERE.actor, 1, "ZeroDivisionError('poison')")
    assert 1.0 <= wait <= 1.5
    assert work.aside() == [poison.tried_again()]


def test_a_message_that_was_put_aside_is_done_when_it_comes_again(work: Work) -> None:
    one = message()

    def fails_first(command: ReceiveStock, marks: Marks) -> Iterable[Message]:
        if not tried:
            tried.append(1)
            raise ZeroDivisionError
        return mark(command, marks)

    tried: list[int] = []
    work.process(handler(fails_first), one)
    assert work.marked() == []
    (again,) = work.aside()
    work.process(handler(fails_first), again)
    work.process(handler(fails_first), again, one)

    assert work.marked() == [one.id]


def test_two_copies_of_a_failing_message_wait_as_one(work: Work) -> None:
    poison = message(poison=True)
    work.process(handler(), poison, poison)
    work.process(handler(), poison)

    assert work.aside() == [poison.tried_again()]


def test_after_its_last_attempt_a_message_is_dead_with_all_that_is_needed_to_mend_it(work: Work) -> None:
    poison = message(poison=True, attempt=2)
    work.process(handler(), message(), poison)

    ((identity, actor, kind, correlation, payload, attempts, error, trace, status),) = work.rows(
        "SELECT id, actor, message_type, correlation_id, payload, attempts, error, traceback, status FROM dead_letters"
    )
    assert (identity, actor, kind) == (poison.id, HERE.actor, "inventory.ReceiveStock.v1")
    assert (correlation, attempts, status) == (poison.correlation_id, 3, "DEAD")
    assert Stamped.from_dict(payload) == poison
    assert error == "ZeroDivisionError('poison')"
    assert "in mark" in trace
    assert work.aside() == []


def test_a_dead_message_that_the_database_cannot_hold_as_it_is_harms_no_other(work: Work) -> None:
    body = PutProduct(product_id=uuid4(), sku="a\0b", name="a\0b")
    poison = first_cause(uuid4(), body, uuid4()).tried_again().tried_again()
    good = message()

    def decide(command: ReceiveStock | PutProduct, marks: Marks) -> Iterable[Message]:
        if isinstance(command, PutProduct):
            raise KeyError(command.name)
        return mark(command, marks)

    work.process(handler(decide), poison, good)

    assert work.marked() == [good.id]
    assert work.rows("SELECT id, error FROM dead_letters") == [(poison.id, "KeyError('a\\x00b')")]


def test_a_message_that_cannot_even_be_put_aside_is_told_after_the_others_are_done(work: Work) -> None:
    poison, others = message(poison=True), [message() for _ in range(4)]
    with psycopg.connect(work.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE outbox ADD CONSTRAINT sound CHECK (last_error NOT LIKE '%poison%')")
        try:
            with pytest.raises(psycopg.errors.CheckViolation):
                work.process(handler(), *others[:2], poison, *others[2:])
        finally:
            connection.execute("ALTER TABLE outbox DROP CONSTRAINT sound")

    assert work.marked() == ids(*others)


def test_a_database_that_takes_no_writes_is_waited_for_and_nothing_is_given_up(work: Work) -> None:
    waiting = message()
    thread = threading.Thread(target=work.process, args=(handler(), waiting))
    with psycopg.connect(work.url, autocommit=True) as connection:
        connection.execute("REVOKE INSERT ON inbox, outbox, dead_letters FROM CURRENT_USER")
        try:
            thread.start()
            thread.join(1.0)
            assert thread.is_alive()
        finally:
            connection.execute("GRANT INSERT ON inbox, outbox, dead_letters TO CURRENT_USER")
    thread.join(20)

    assert not thread.is_alive()
    (again,) = work.aside()
    assert again.id == waiting.id
    work.process(handler(), again)
    assert work.marked() == ids(waiting)


def a_batch_that_tries_again(tries: list[int], until: int) -> Handler:
    def decide(command: ReceiveStock, marks: Marks) -> Iterable[Message]:
        marks.make(command, f"try {len(tries)}")
        tries.append(1)
        if len(tries) <= until:
            raise TryAgain("not yet")
        yield ReleaseStock(order_id=command.delivery_id, lines=())

    return handler(decide)


def test_trying_again_keeps_what_was_changed_and_ends_when_the_answer_comes(work: Work) -> None:
    tries: list[int] = []
    actor, current = a_batch_that_tries_again(tries, until=2), message()
    for attempt in range(1, 3):
        work.process(actor, current)
        assert work.rows("SELECT remark FROM marks ORDER BY 1")[-1] == (f"try {attempt - 1}",)
        assert work.handed_over == []
        (current,) = work.aside()
        assert current.attempt == attempt
    work.process(actor, current)

    assert len(work.marked()) == 3
    assert len(work.handed_over) == 1
    assert work.rows("SELECT 1 FROM dead_letters") == []
    work.process(actor, current)
    assert len(tries) == 3


def test_an_answer_that_never_comes_ends_in_the_dead_letters_with_what_was_changed(work: Work) -> None:
    actor, current = a_batch_that_tries_again([], until=99), message()
    for _ in range(2):
        work.process(actor, current)
        (current,) = work.aside()

    work.process(actor, current)

    assert len(work.marked()) == 3
    assert work.rows("SELECT id, attempts FROM dead_letters") == [(current.id, 3)]
    assert work.aside() == []
    with work.store.transaction() as transaction:
        assert transaction.unseen([current.id]) == {current.id}


def test_trying_again_concerns_only_its_message(work: Work) -> None:
    one, other = message(), message()

    def decide(command: ReceiveStock, marks: Marks) -> Iterable[Message]:
        yield from mark(command, marks)
        if command.delivery_id == one.id:
            raise TryAgain("not yet")

    work.process(handler(decide), one, other)

    ((told,),) = [parcel.messages for parcel in work.handed_over]
    assert str(other.id).encode() in told
    assert work.aside() == [one.tried_again()]


def test_while_the_database_is_away_a_message_waits_and_then_is_done(work: Work, line: Line) -> None:
    one = message()
    line.cut()
    with ThreadPoolExecutor(1) as threads:
        processing = threads.submit(work.process, handler(), one)
        with pytest.raises(TimeoutError):
            processing.result(0.3)
        line.mend()
        processing.result(10)

    assert work.marked() == [one.id]


def test_who_is_to_stop_while_the_database_is_away_gives_its_messages_back(work: Work, line: Line) -> None:
    one = message()
    line.cut()
    with ThreadPoolExecutor(1) as threads:
        processing = threads.submit(work.process, handler(), one)
        with pytest.raises(TimeoutError):
            processing.result(0.2)
        work.stopping.set()
        assert isinstance(processing.exception(5), Stopping)
    line.mend()

    assert work.marked() == []


def test_a_commit_whose_answer_is_lost_has_one_effect_and_its_consequence_is_in_the_outbox(
    work: Work, line: Line
) -> None:
    one = message()
    line.lose_answer_to(b"COMMIT")
    work.process(handler(), one)

    assert line.lost.is_set()
    assert work.marked() == [one.id]
    assert work.rows("SELECT actor, message_count FROM outbox") == [(CONSEQUENCE.actor, 1)]


def test_a_transaction_that_waits_for_another_process_sees_its_work(work: Work) -> None:
    one = message()
    rival = PostgresStore("inventory")
    with ThreadPoolExecutor(1) as threads:
        with rival.transaction() as transaction:
            transaction.receive([one.id])
            processing = threads.submit(work.process, handler(), one)
            eventually(
                lambda: work.rows("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid' LIMIT 1")
            )
        processing.result(10)
    rival.close()

    assert work.marked() == []
