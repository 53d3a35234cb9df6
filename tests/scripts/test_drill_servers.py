"""What the drill asks of real servers and processes: queues, coordination's store, a process that takes its time."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from random import Random
from uuid import UUID, uuid4

import pika
import psycopg
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from contexts.coordination.definitions import journey_id
from demonstration.cdnow import Purchase
from demonstration.outcomes import COMPLETED, planned
from drilling import cancellations
from drilling.ledger import Ledger
from drilling.meddling import Order, delayed, meddle, reordered
from drilling.recovery import Recoveries
from drilling.site import is_at_work, until_ended
from drilling.watch import Watch
from persistence.amqp import connection_parameters
from tests.persistence.own_schemas import own_schema

ORDER = planned([Purchase(1, date(1997, 1, 1), 1, 1177)])[0]

_JOURNEY = "INSERT INTO sagas (id, saga_type, associated_id, state, status) VALUES (%s, %s, %s, '{}', %s)"
_END_WATCH = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE application_name = 'first-viscount/drill' AND query LIKE '%FROM sagas%' AND datname = current_database()
"""


@pytest.fixture
def journeys(monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    with own_schema("coordination") as url, psycopg.connect(url, autocommit=True) as connection:
        monkeypatch.setenv("COORDINATION_DATABASE_URL", url)
        yield connection


@pytest.fixture
def queue() -> Iterator[tuple[BlockingChannel, str]]:
    with pika.BlockingConnection(connection_parameters(os.environ["RABBITMQ_URL"], "test")) as connection:
        channel, name = connection.channel(), f"test-{uuid4().hex[:8]}"
        channel.queue_declare(name, durable=True)
        channel.confirm_delivery()
        yield channel, name
        channel.queue_delete(name)


def begin(journeys: psycopg.Connection, saga: str, order_id: UUID, status: str) -> None:
    journeys.execute(_JOURNEY, (journey_id(saga, order_id), saga, str(order_id), status))


def bodies(channel: BlockingChannel, queue: str) -> list[bytes]:
    found = []
    while (got := channel.basic_get(queue, auto_ack=True))[0] is not None:
        found.append(got[2])
    return found


def test_the_cancellation_of_a_completed_order_without_a_return_is_lost(journeys: psycopg.Connection) -> None:
    ledger, returning, lost, undone = Ledger(), uuid4(), uuid4(), uuid4()
    for order_id, outcome in ((returning, COMPLETED), (lost, COMPLETED), (undone, "cancelled")):
        ledger.accept(order_id, ORDER)
        ledger.finish(order_id, outcome)
        ledger.cancelled.add(order_id)
    begin(journeys, "return_order", returning, "UNDONE")

    assert cancellations.lost(ledger) == [f"order {lost}: its cancellation was accepted and lost"]


def test_the_watch_goes_on_when_its_session_was_ended(journeys: psycopg.Connection) -> None:
    ledger, first, second = Ledger(), uuid4(), uuid4()
    for order_id in (first, second):
        ledger.accept(order_id, ORDER)

    async def final(order_id: UUID) -> None:
        begin(journeys, "place_order", order_id, "COMPLETED")
        async with asyncio.timeout(10):
            while order_id not in ledger.came:
                await asyncio.sleep(0.05)

    async def watched() -> int:
        watching = asyncio.create_task(Watch(ledger, Recoveries()).run())
        await final(first)
        ended = journeys.execute(_END_WATCH).fetchone()
        await final(second)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return int(ended[0]) if ended else 0

    assert asyncio.run(watched()) >= 1
    assert ledger.came == {first: COMPLETED, second: COMPLETED}


@pytest.mark.parametrize(("count", "order", "counted"), [(0, delayed, 0), (1, reordered, 0), (5, reordered, 5)])
def test_envelopes_that_cannot_change_their_order_go_back_and_do_not_count(
    queue: tuple[BlockingChannel, str], count: int, order: Order, counted: int
) -> None:
    channel, name = queue
    sent = [b"%d" % number for number in range(count)]
    for body in sent:
        channel.basic_publish("", name, body)

    assert meddle(os.environ["RABBITMQ_URL"], name, order, Random(1)) == counted

    found = bodies(channel, name)
    assert sorted(found) == sent
    assert (found != sent) == (counted > 0)


def test_a_process_is_over_when_it_has_finished_what_it_was_at() -> None:
    busy = "import signal, sys, time; signal.signal(15, lambda *_: (time.sleep(0.5), sys.exit())); print(flush=True)"
    with subprocess.Popen([sys.executable, "-c", f"{busy}; signal.pause()"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert is_at_work(process.pid)

        began = time.monotonic()
        os.kill(process.pid, signal.SIGTERM)
        asyncio.run(until_ended(process.pid, "busy"))

        assert time.monotonic() - began >= 0.5
        assert not is_at_work(process.pid)
