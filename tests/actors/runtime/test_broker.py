"""Consuming from a real RabbitMQ: what cannot be read is parked, and nothing is acknowledged before it is done."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import dramatiq
import dramatiq.worker
import orjson
import pytest

from actors.runtime.broker import Broker, Consumer, Delivery
from actors.runtime.exactly_once import Stopping
from persistence.amqp import queue_arguments
from tests.persistence.line import Line
from tests.persistence.virtual_host import VirtualHost, eventually


class CountingConsumer(Consumer):
    """Counts how often acknowledgements leave."""

    writes = 0

    def _acknowledge_done(self) -> None:
        type(self).writes += 1
        super()._acknowledge_done()


class CountingBroker(Broker):
    """A broker whose consumers count."""

    @property
    def consumer_class(self) -> type[Consumer]:
        return CountingConsumer


@dataclass
class Site:
    """One queue with one actor, and the worker that is at it."""

    host: VirtualHost
    line: Line
    queue: str
    do: Callable[[Any], None] = lambda member: None
    done: Counter[Any] = field(default_factory=Counter)
    worker: dramatiq.Worker | None = None

    def __post_init__(self) -> None:
        self.broker = CountingBroker(self.host.url_over(self.line.port))

        def receive(members: list[Any]) -> None:
            for member in members:
                self.do(member)
                self.done[str(member)] += 1

        dramatiq.actor(actor_name=f"{self.queue}.do", queue_name=self.queue, broker=self.broker)(receive)
        self.broker.declare_queue(self.queue, ensure=True)

    def begin(self, threads: int = 4) -> None:
        """Begin to consume."""
        self.worker = dramatiq.Worker(self.broker, worker_threads=threads, worker_timeout=50)
        self.worker.start()

    def end(self) -> None:
        """Stop as a worker process does; whatever is not acknowledged is in the queue again."""
        if self.worker:
            self.worker.stop(timeout=5000)
            self.worker = None

    def break_connections(self) -> None:
        """Break every connection of the worker; it may connect again at once."""
        self.line.cut()
        self.line.mend()

    def envelope(self, *members: Any, **changes: Any) -> bytes:
        """Return what a publisher sends."""
        fields = {
            "queue_name": self.queue,
            "actor_name": f"{self.queue}.do",
            "args": [list(members)],
            "kwargs": {},
            "options": {},
            "message_id": str(uuid4()),
            "message_timestamp": 1,
        }
        return orjson.dumps({name: value for name, value in {**fields, **changes}.items() if value is not ...})


@pytest.fixture
def site(virtual_host: VirtualHost, broker_line: Line, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(dramatiq.worker, "CONSUMER_RESTART_DELAY_SECS", 0.1)
    CountingConsumer.writes = 0
    one = Site(virtual_host, broker_line, f"queue-{uuid4().hex[:8]}")
    yield one
    one.end()
    one.broker.close()


def unreadable(site: Site) -> list[bytes]:
    """Everything that is no envelope for this site."""
    return [
        b"",
        b"\xff\xfe",
        b"not json",
        b"[]",
        b"{}",
        b"null",
        b"[" * 2000,
        site.envelope(queue_name="another"),
        site.envelope(queue_name=...),
        site.envelope(actor_name="unknown"),
        site.envelope(actor_name=["do"]),
        site.envelope(actor_name={}),
        site.envelope(actor_name=None),
        site.envelope(args=5),
        site.envelope(args=None),
        site.envelope(args=[]),
        site.envelope(args=[1]),
        site.envelope(args=[[], []]),
        site.envelope(kwargs=[]),
        site.envelope(kwargs=None),
        site.envelope(kwargs={"more": 1}),
        site.envelope(options=[]),
        site.envelope(options={"eta": 1}),
        site.envelope(options={"eta": "soon"}),
        site.envelope(more=1),
    ]


def test_what_cannot_be_read_is_parked_and_everything_around_it_is_done(site: Site) -> None:
    bad = unreadable(site)
    for number, body in enumerate(bad):
        site.host.put(site.queue, site.envelope(number), body)
    site.host.put(site.queue, site.envelope("last"))

    site.begin()

    eventually(lambda: len(site.done) == len(bad) + 1)
    eventually(lambda: site.host.ready(f"{site.queue}.XQ") >= len(bad))
    site.end()
    assert set(site.done.values()) == {1}
    assert sorted(site.host.take(f"{site.queue}.XQ")) == sorted(bad)
    assert site.host.ready(site.queue) == 0


def test_what_its_actor_cannot_take_is_parked(site: Site) -> None:
    def do(member: Any) -> None:
        if member == "bad":
            raise ZeroDivisionError

    site.do = do
    bad = site.envelope("bad")
    site.host.put(site.queue, site.envelope("good"), bad, site.envelope("fine"))
    site.begin()

    eventually(lambda: site.done == {"good": 1, "fine": 1})
    eventually(lambda: site.host.ready(f"{site.queue}.XQ") == 1)
    site.end()
    assert site.host.take(f"{site.queue}.XQ") == [bad]
    assert site.host.ready(site.queue) == 0


def test_what_is_handed_back_is_in_the_queue_again_after_the_end(site: Site) -> None:
    def do(member: Any) -> None:
        if member == "later":
            raise Stopping

    site.do = do
    later = site.envelope("later")
    site.host.put(site.queue, later, *(site.envelope(number) for number in range(20)))
    site.begin()

    eventually(lambda: len(site.done) == 20)
    site.end()
    assert site.host.take(site.queue) == [later]
    assert site.host.ready(f"{site.queue}.XQ") == 0


def test_nothing_is_acknowledged_before_it_is_done(site: Site) -> None:
    gate = threading.Event()

    def do(member: Any) -> None:
        gate.wait(10)

    site.do = do
    bodies = [site.envelope(number) for number in range(6)]
    site.host.put(site.queue, *bodies)
    site.begin(threads=3)
    # Three are at work and three wait in the worker: what is still on its way there would come only once.
    eventually(lambda: site.worker is not None and site.worker.work_queue.qsize() == 3)

    site.break_connections()
    gate.set()

    # Every message comes once more: none had been acknowledged when the connection was lost.
    eventually(lambda: site.done == {str(number): 2 for number in range(6)})
    site.end()
    assert site.host.ready(site.queue) == 0


def test_tags_of_a_lost_connection_never_acknowledge_a_message_of_the_next(site: Site) -> None:
    gates = {"first": threading.Event(), "second": threading.Event()}
    at_work: Counter[str] = Counter()
    lock = threading.Lock()

    def do(member: Any) -> None:
        with lock:
            at_work[member] += 1
            gate = gates["first" if at_work[member] == 1 else "second"]
        gate.wait(20)

    site.do = do
    names = [f"m{number}" for number in range(4)]
    site.host.put(site.queue, *(site.envelope(name) for name in names))
    site.begin(threads=8)
    eventually(lambda: at_work == dict.fromkeys(names, 1))
    site.break_connections()
    eventually(lambda: at_work == dict.fromkeys(names, 2))

    gates["first"].set()
    eventually(lambda: site.done == dict.fromkeys(names, 1))
    time.sleep(0.3)  # time enough for a wrong acknowledgement to leave
    site.break_connections()

    # The second deliveries were still at work: had a stale tag acknowledged them, they would not come a third time.
    gates["second"].set()
    eventually(lambda: at_work == dict.fromkeys(names, 3))
    eventually(lambda: site.done == dict.fromkeys(names, 3))
    site.end()
    assert site.host.ready(site.queue) == 0


def test_one_slow_message_does_not_hold_up_the_acknowledgements_of_the_others(site: Site) -> None:
    gate = threading.Event()

    def do(member: Any) -> None:
        if member == "slow":
            gate.wait(20)

    site.do = do
    site.host.put(site.queue, *(site.envelope(number) for number in range(3)), site.envelope("slow"))
    site.host.put(site.queue, *(site.envelope(number) for number in range(3, 40)))
    site.begin(threads=2)
    eventually(lambda: len(site.done) == 40)
    time.sleep(0.2)  # the last acknowledgement leaves within one turn of the consumer

    site.break_connections()
    gate.set()

    eventually(lambda: site.done["slow"] == 2)
    site.end()
    assert {count for member, count in site.done.items() if member != "slow"} == {1}
    assert site.host.ready(site.queue) == 0


def test_acknowledgements_leave_together_and_all_are_done_in_the_end(site: Site) -> None:
    site.host.put(site.queue, *(site.envelope(number) for number in range(1500)))
    site.begin(threads=8)

    eventually(lambda: len(site.done) == 1500)
    site.end()
    assert site.host.ready(site.queue) == 0
    assert set(site.done.values()) == {1}
    assert 0 < CountingConsumer.writes < 1200


def test_a_queue_that_is_deleted_is_declared_again(site: Site) -> None:
    site.begin()
    eventually(lambda: site.host.connections("first-viscount worker"))
    site.host.delete(site.queue)

    eventually(lambda: site.queue in site.host.queues(containing=site.queue))
    site.host.put(site.queue, site.envelope("after"))
    eventually(lambda: site.done == {"after": 1})


def test_queues_are_declared_as_publishers_do_and_none_holds_delays(site: Site) -> None:
    queries = f"{site.queue}.queries"
    site.broker.declare_queue(queries, ensure=True)

    assert set(site.host.queues(containing=site.queue)) == {site.queue, f"{site.queue}.XQ", queries}
    with site.host.channel() as channel:
        for queue in (site.queue, queries):
            channel.queue_declare(queue, durable=True, arguments=queue_arguments(queue))
        channel.queue_declare(f"{site.queue}.XQ", durable=True)


def test_a_message_in_a_log_is_its_actor_and_its_id_and_nothing_of_a_customer(site: Site) -> None:
    message = dramatiq.Message.decode(site.envelope("jane@example.com", message_id="id-1"))

    told = str(Delivery(False, 1, message, None))  # type: ignore[arg-type]

    assert told == f"{site.queue}.do id-1"
