"""What is committed reaches RabbitMQ, whatever fails in between; a row leaves the outbox only when it is there."""

import time
from collections.abc import Callable, Iterator
from threading import Thread
from uuid import uuid4

import orjson
import psycopg
import pytest

from actors.runtime.relay import Relay
from contexts.messages import Destination
from persistence.amqp import LARGEST_ENVELOPE, RECONNECT_SECONDS
from persistence.parcels import RELAY_GRACE_SECONDS, Parcel
from tests.persistence.line import Line
from tests.persistence.virtual_host import VirtualHost, eventually

from .marks import Work

THERE = Destination("inventory", "inventory.release_stock")

Start = Callable[[str], Relay]

_WAITS_TO_DELETE = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'DELETE FROM outbox%'"


@pytest.fixture
def start(work: Work) -> Iterator[Start]:
    """Start a relay of the outbox."""
    relays = []

    def begin(url: str) -> Relay:
        relay = Relay(work.store, url)
        relay.start()
        relays.append(relay)
        return relay

    yield begin
    for relay in relays:
        relay.stop()


def parcels(work: Work, count: int, messages: int = 1, after: float | None = None) -> list[Parcel]:
    """Commit parcels; their messages are numbered."""
    numbers = iter(range(count * messages))
    made = [
        Parcel(uuid4(), THERE, tuple(orjson.dumps({"n": next(numbers)}) for _ in range(messages)), after)
        for _ in range(count)
    ]
    with work.store.transaction() as transaction:
        transaction.send(made)
    return made


def make_due(work: Work) -> None:
    """Let the grace of committed parcels, and claims, run out."""
    with psycopg.connect(work.url, autocommit=True) as connection:
        connection.execute("UPDATE outbox SET available_at = now()")


def nothing_left(work: Work) -> bool:
    """Make everything due, then tell whether the outbox is empty."""
    make_due(work)
    return left(work) == 0


def left(work: Work) -> int:
    return int(work.rows("SELECT count(*) FROM outbox")[0][0])


def numbers(host: VirtualHost) -> list[list[int]]:
    return [[message["n"] for message in orjson.loads(body)["args"][0]] for body in host.take(THERE.queue)]


def test_what_is_handed_over_is_published_and_leaves_the_outbox(
    work: Work, start: Start, empty_host: VirtualHost
) -> None:
    relay = start(empty_host.url)
    relay.hand_over(parcels(work, 20))
    relay.hand_over([])

    eventually(lambda: left(work) == 0)
    assert sorted(n for envelope in numbers(empty_host) for n in envelope) == list(range(20))


def test_stopping_waits_for_what_was_handed_over(work: Work, empty_host: VirtualHost) -> None:
    relay = Relay(work.store, empty_host.url)
    relay.start()
    relay.hand_over(parcels(work, 300))
    relay.stop()

    assert sorted(n for envelope in numbers(empty_host) for n in envelope) == list(range(300))
    eventually(lambda: left(work) == 0)


def test_stopping_waits_until_what_was_published_has_left_the_outbox(work: Work, empty_host: VirtualHost) -> None:
    relay = Relay(work.store, empty_host.url)
    relay.start()
    handed_over = parcels(work, 3)
    stopping = Thread(target=relay.stop)
    with psycopg.connect(work.url) as other:
        other.execute("SELECT FROM outbox FOR UPDATE")
        relay.hand_over(handed_over)
        eventually(lambda: work.rows(_WAITS_TO_DELETE))
        stopping.start()
        stopping.join(1)
        assert stopping.is_alive()
    stopping.join()

    assert left(work) == 0


def test_what_a_crashed_process_left_is_swept(work: Work, start: Start, empty_host: VirtualHost) -> None:
    parcels(work, 3, after=0)
    later = parcels(work, 1, after=3600)

    start(empty_host.url)

    eventually(lambda: left(work) == 1)
    assert work.rows("SELECT id FROM outbox") == [(later[0].id,)]
    assert sorted(n for envelope in numbers(empty_host) for n in envelope) == [0, 1, 2]


def test_swept_parcels_are_joined_but_no_envelope_exceeds_its_bound(
    work: Work, start: Start, empty_host: VirtualHost
) -> None:
    parcels(work, 12, messages=90, after=0)

    start(empty_host.url)

    eventually(lambda: left(work) == 0)
    envelopes = numbers(empty_host)
    assert sorted(n for envelope in envelopes for n in envelope) == list(range(12 * 90))
    assert max(map(len, envelopes)) <= LARGEST_ENVELOPE


def test_what_is_committed_while_rabbitmq_is_away_is_swept_when_it_is_back(
    work: Work, start: Start, empty_host: VirtualHost, url_over_line: str, broker_line: Line
) -> None:
    relay = start(url_over_line)
    broker_line.cut()
    relay.hand_over(parcels(work, 5))
    make_due(work)
    assert left(work) == 5
    broker_line.mend()

    eventually(lambda: nothing_left(work))
    assert {n for envelope in numbers(empty_host) for n in envelope} == set(range(5))


def all_gone(work: Work, seconds: float) -> None:
    """Wait until the outbox is empty; nobody makes anything due, so what leaves did not wait for the sweep's grace."""
    assert seconds < RELAY_GRACE_SECONDS / 2
    eventually(lambda: left(work) == 0, seconds)


def test_what_is_handed_over_while_rabbitmq_is_away_leaves_within_a_second_of_its_return(
    work: Work, start: Start, empty_host: VirtualHost, url_over_line: str, broker_line: Line
) -> None:
    relay = start(url_over_line)
    eventually(lambda: empty_host.connections("relay"))
    broker_line.cut()
    relay.hand_over(parcels(work, 5))
    time.sleep(1.5)
    assert left(work) == 5
    broker_line.mend()

    # The connection is tried again every half second; from then on it is a second.
    all_gone(work, RECONNECT_SECONDS + 1)
    assert sorted(n for envelope in numbers(empty_host) for n in envelope) == list(range(5))


def test_what_was_not_confirmed_when_the_connection_broke_leaves_within_a_second_of_its_return(
    work: Work, start: Start, empty_host: VirtualHost, url_over_line: str, broker_line: Line
) -> None:
    relay = start(url_over_line)
    broker_line.lose_answer_to(b'{"n":0}')
    relay.hand_over(parcels(work, 1))

    assert broker_line.lost.wait(10)
    assert left(work) == 1
    all_gone(work, RECONNECT_SECONDS + 1)
    assert numbers(empty_host) == [[0], [0]]


def test_what_is_held_in_memory_for_rabbitmq_is_bounded_and_the_rest_is_left_to_the_sweep(
    work: Work,
    start: Start,
    empty_host: VirtualHost,
    url_over_line: str,
    broker_line: Line,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("actors.runtime.relay.HELD_AT_MOST", 3)
    relay = start(url_over_line)
    eventually(lambda: empty_host.connections("relay"))
    broker_line.cut()
    for one in parcels(work, 5):
        relay.hand_over([one])
    relay.hand_over(parcels(work, 5))
    broker_line.mend()

    eventually(lambda: left(work) == 7, RECONNECT_SECONDS + 1)
    time.sleep(1)
    assert left(work) == 7
    eventually(lambda: nothing_left(work))


def test_what_is_handed_over_just_when_the_connection_is_closed_is_not_forgotten(
    work: Work, start: Start, empty_host: VirtualHost
) -> None:
    relay = start(empty_host.url)
    eventually(lambda: empty_host.connections("relay"))
    made = parcels(work, 400)
    for number, parcel in enumerate(made):
        relay.hand_over([parcel])
        if number == 200:
            empty_host.delete(THERE.queue)  # the relay closes its connection, to declare the queue again
        if number == 300:
            empty_host.close_connections("relay")

    eventually(lambda: nothing_left(work))


def test_a_database_that_is_away_delays_the_sweep_and_the_deletion_and_loses_nothing(
    work: Work, start: Start, empty_host: VirtualHost, line: Line
) -> None:
    relay = start(empty_host.url)
    made = parcels(work, 3)
    line.cut()
    relay.hand_over(made)
    eventually(lambda: empty_host.ready(THERE.queue) > 0)
    assert left(work) == 3
    line.mend()

    eventually(lambda: left(work) == 0)


def test_without_rabbitmq_a_relay_does_not_start(work: Work, broker_line: Line, url_over_line: str) -> None:
    broker_line.cut()
    relay = Relay(work.store, url_over_line)

    with pytest.raises(TimeoutError):
        relay.start(timeout=0.5)
    relay.stop(0.1)
