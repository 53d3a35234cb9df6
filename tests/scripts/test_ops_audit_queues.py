"""When the audit takes a queue for drained: RabbitMQ's figures are old, and a suspect may be older than they are."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from uuid import uuid4

import pytest

from auditing import waiting
from auditing.facts import OrderFacts
from auditing.findings import Findings
from auditing.report import Report
from auditing.verdict import judged
from contexts.subscriptions import QUEUES
from operations import broker
from tests.persistence.virtual_host import VirtualHost, eventually, own_virtual_host

#: Somebody asked for it by its id, and nobody knows it: that is wrong unless it is still on its way.
MISSING = OrderFacts(uuid4(), is_named=True)


@pytest.fixture(scope="module")
def host() -> Iterator[VirtualHost]:
    """A virtual host with two of the queues; the others were not declared yet."""
    with own_virtual_host() as own:
        with own.channel() as channel:
            for queue in ("orders", "payments"):
                channel.queue_declare(queue, durable=True)
        own.put("payments", b"{}")
        yield own


@pytest.fixture
def queues(host: VirtualHost, monkeypatch: pytest.MonkeyPatch) -> waiting.Queues:
    """The queues, not seen yet; RabbitMQ tells the truth about them."""
    monkeypatch.setenv("RABBITMQ_URL", host.url)
    told = {"orders": 0, "payments": 1}
    eventually(lambda: {one["name"]: one.get("messages") for one in broker.queues()} == told, 30)
    return waiting.Queues()


def settled(*looks: OrderFacts, not_drained_since: Callable[[float], Sequence[str]]) -> Report:
    """Report what several looks at one order come to."""
    findings = Findings()
    findings.first(looks[0], judged(looks[0]))
    for again in looks[1:]:
        findings.again(again, judged(again))
    findings.settle(not_drained_since)
    return findings.report()


def test_queues_that_were_never_seen_are_not_drained(queues: waiting.Queues) -> None:
    assert queues.not_drained_since(0.0) == sorted(QUEUES)


def test_a_queue_that_was_seen_empty_before_the_facts_were_read_is_not_drained(queues: waiting.Queues) -> None:
    queues.see()

    assert queues.not_drained_since(time.monotonic()) == sorted(QUEUES)


def test_a_queue_is_drained_when_it_is_seen_empty_so_late_that_the_figure_must_be_from_after(
    queues: waiting.Queues,
) -> None:
    queues.see()
    seen = time.monotonic()

    assert queues.not_drained_since(seen - waiting.FIGURES_SECONDS + 1) == sorted(QUEUES)
    assert queues.not_drained_since(seen - waiting.FIGURES_SECONDS - 1) == ["payments"]


def test_a_broker_that_is_away_leaves_every_queue_undrained(
    queues: waiting.Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_MANAGEMENT_URL", "http://127.0.0.1:1")

    queues.see()

    assert queues.not_drained_since(0.0) == sorted(QUEUES)
    assert "the queues were not looked at" in queues.notes()[0]


def test_what_seems_wrong_is_wrong_when_all_queues_have_drained() -> None:
    report = settled(MISSING, MISSING, not_drained_since=lambda moment: [])

    assert ([one.check for one in report.violations], report.in_flight) == (["order_missing"], 0)


def test_what_seems_wrong_is_in_flight_until_then_and_the_queue_is_named() -> None:
    report = settled(MISSING, MISSING, not_drained_since=lambda moment: ["payments"])

    assert (report.violations, report.in_flight) == ((), 1)
    assert "what may be in payments, not seen empty since" in report.notes[0]


@pytest.mark.parametrize("moved", [False, True], ids=["the same at each look", "another at the second look"])
def test_queues_must_drain_after_the_facts_were_first_read_as_they_are(moved: bool) -> None:
    later = replace(MISSING, was_released=False, mails=None, charges=[]) if moved else MISSING
    asked: list[float] = []

    def all_drained(moment: float) -> list[str]:
        asked.append(moment)
        return []

    findings = Findings()
    findings.first(MISSING, judged(MISSING))
    between = time.monotonic()
    for _ in range(2):
        findings.again(later, judged(later))
    findings.settle(all_drained)

    assert (asked[0] > between) == moved


def test_orders_too_many_to_be_looked_at_again_are_in_flight_too_until_the_queues_drain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("auditing.findings.MOST_SUSPECTS", 0)

    waits = settled(MISSING, not_drained_since=lambda moment: ["payments"])
    wrong = settled(MISSING, not_drained_since=lambda moment: [])

    assert (waits.violations, waits.in_flight) == ((), 1)
    assert ([one.check for one in wrong.violations], wrong.in_flight) == (["order_missing"], 0)
