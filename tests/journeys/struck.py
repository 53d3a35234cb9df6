"""A platform whose workers die where they are told to, and are there again at once; and what all its stores say."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from pymongo import MongoClient

from auditing import audit
from contexts.messages import Message
from contexts.orders.messages import PlaceOrder
from contexts.subscriptions import QUEUES
from persistence.collections import ensure_collections
from persistence.databases import POSTGRESQL_CONTEXTS, url_variable
from tests.persistence.virtual_host import eventually
from tests.sandboxes.launching import launcher

from .deaths import Case, Deaths
from .journal import Entry, deliver, entries, first, keep_journals, sent_twice
from .kinds import Kind
from .platform import ROOT, Platform, platform
from .put_off import IS_PUT_OFF, make_due, stand
from .shop import Shop

#: Deaths that wait at the same time, each for an actor of its own.
LANES = 3

#: Seconds within which all workers must be at work.
START_SECONDS = 90.0

#: Seconds within which a death must be died: a swept parcel waits ten, and for one that was swept by the dead thirty.
DEATH_SECONDS = 90.0

#: Seconds between two looks for orders whose end makes due what was put off.
LOOK_SECONDS = 0.5

#: Seconds within which everything must have come to its end after the last death.
END_SECONDS = 120.0

#: Seconds for which the audit looks again at what seems wrong and does not move.
SETTLE_SECONDS = 90.0


@dataclass
class Struck:
    """The platform, its shop, and everything that was begun there."""

    platform: Platform
    deaths: Deaths
    _product: UUID | None = None

    @property
    def shop(self) -> Shop:
        """The shop on this platform."""
        return Shop(self.platform)

    @property
    def product_id(self) -> UUID:
        """What all orders are about."""
        if self._product is None:
            self._product = self.shop.stock(5000)
        return self._product

    def send(self, messages: Sequence[Message], correlation_id: UUID) -> list[Entry]:
        """Deliver messages from outside; return them."""
        outside = [entry for message in messages for entry in first(message, uuid4(), correlation_id)]
        deliver(self.platform, outside)
        return outside

    def prepare(self, kind: Kind, count: int) -> list[PlaceOrder]:
        """Return so many orders whose journey of this kind is about to begin."""
        orders = [kind.order(self.product_id) for _ in range(count)]
        if kind.afterwards:
            for order in orders:
                self.send([order], order.order_id)
            if kind.at:
                ids = [order.order_id for order in orders]
                stand(self.platform, ids, kind.at, END_SECONDS)
                # An operator's word is heard over the row itself, not over what the worker remembers of it.
                began = "UPDATE sagas SET definition_version = %s WHERE id = ANY(%s) RETURNING 1"
                self.platform.rows("coordination", began, kind.version, ids)
            else:
                self.wait_until_quiet()
        return orders

    def begin(self, kind: Kind, order: PlaceOrder) -> list[Entry]:
        """Begin the journey; return what came from outside."""
        return self.send(kind.beginning(order), order.order_id)

    def sent(self, correlation_ids: Iterable[UUID]) -> list[Entry]:
        """Return everything that the contexts sent each other about these orders."""
        return entries(self.platform, correlation_ids)

    def strike(self, cases: Sequence[Case], begin: Callable[[], object]) -> None:
        """For each case: arm the death, begin something new, and wait until somebody has died of it."""
        with ThreadPoolExecutor(LANES) as lanes:
            for struck in [lanes.submit(self._strike, case, begin) for case in cases]:
                struck.result()

    def _strike(self, case: Case, begin: Callable[[], object]) -> None:
        begun_at = time.monotonic()
        self.deaths.arm(case)
        begin()
        while not self.deaths.comes(case, LOOK_SECONDS):
            assert time.monotonic() < begun_at + DEATH_SECONDS, f"nobody died at {case} within {DEATH_SECONDS} s"
            make_due(self.platform)
        print(f"{time.monotonic() - begun_at:5.2f} s until {case}")  # shown when the test fails

    def repeat(self, from_outside: Sequence[Entry], correlation_ids: Sequence[UUID]) -> None:
        """Deliver every message of these orders again, twice in one envelope, long after it was done."""
        deliver(self.platform, [*from_outside, *self.sent(correlation_ids)], copies=2)

    def is_quiet(self) -> bool:
        """Tell whether nothing is on its way anywhere; what was put off waits for the end of its order."""
        make_due(self.platform)
        waiting = f"SELECT 1 FROM outbox WHERE NOT {IS_PUT_OFF} LIMIT 1"
        if self.platform.documents("outbox", {}) or any(
            self.platform.rows(one, waiting) for one in POSTGRESQL_CONTEXTS
        ):
            return False
        return not any(count for queue, count in self.platform.host.queues("").items() if not queue.endswith(".XQ"))

    def wait_until_quiet(self, seconds: float = END_SECONDS) -> None:
        """Return when nothing more is on its way: neither now nor a moment later, when a worker's message is done."""
        deadline, quiet_looks = time.monotonic() + seconds, 0
        while quiet_looks < 2:
            assert time.monotonic() < deadline, f"not quiet within {seconds} s: {self.platform.host.queues('')}"
            quiet_looks = quiet_looks + 1 if self.is_quiet() else 0
            time.sleep(0.3)

    def violations(self, kinds: dict[UUID, Kind]) -> list[str]:
        """Return what is not as it must be, as sentences: of each order in every store and at every provider."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.platform.variables.items():
                patch.setenv(name, value)
            report = audit(orders=list(kinds), settle_seconds=SETTLE_SECONDS)
        query = "SELECT id, status, rejection_reason FROM orders WHERE id = ANY(%s)"
        ended = {order_id: end for order_id, *end in self.platform.rows("orders", query, list(kinds))}
        wrong = [
            f"order {order_id} ({kind.name}): it is {ended.get(order_id)}, not {kind.ends} ({kind.reason})"
            for order_id, kind in kinds.items()
            if ended.get(order_id) != [kind.ends, kind.reason]
        ]
        if (report.orders, report.in_flight) != (len(kinds), 0):
            wrong.append(f"of {len(kinds)} orders {report.orders} were audited, {report.in_flight} are in flight")
        wrong += [str(one) for one in report.violations]
        return wrong + sent_twice(self.platform, kinds) + self.dead_or_parked()

    def dead_or_parked(self) -> list[str]:
        """Return every message that nobody could handle, as sentences."""
        found = [
            f"{context} has a dead letter for {actor}: {error}"
            for context in POSTGRESQL_CONTEXTS
            for actor, error in self.platform.rows(context, "SELECT actor, error FROM dead_letters")
        ]
        found += [
            f"notifications has a dead letter: {one['error']}" for one in self.platform.documents("dead_letters", {})
        ]
        return found + [f"{queue} holds {n}" for queue, n in self.platform.host.queues(".XQ").items() if n]


@contextmanager
def struck_platform(directory: Path, workers: int = 1) -> Iterator[Struck]:
    """A platform with journals and providers of its own, its workers out of a nursery: so many for each queue.

    `directory` is for the deaths, and keeps what the providers write.
    """
    with platform() as own, launcher() as launch:
        carrier = launch("sandboxes.carrier", "--journal", str(directory / "carrier.journal"))
        gateway = launch("sandboxes.payment_gateway", "--journal", str(directory / "gateway.journal"))
        providers = {"CARRIER_URL": carrier.url, "PAYMENT_GATEWAY_URL": f"sandbox+{gateway.url}"}
        running = replace(own, variables={**own.variables, **providers})
        deaths = directory / "deaths"
        deaths.mkdir()
        keep_journals(running)
        _make_collections(running)
        environment = {
            **os.environ,
            **running.variables,
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "CRITICAL"),
            "FIRST_VISCOUNT_CRASH_POINTS": str(deaths),
        }
        command = [sys.executable, "-m", "tests.journeys.nursery", *(QUEUES * workers)]
        running.processes["nursery"] = subprocess.Popen(command, cwd=ROOT, env=environment)
        eventually(lambda: running.ended() or running.host.consumed(set(QUEUES)), START_SECONDS)
        assert running.ended() == []
        yield Struck(running, Deaths(deaths))
        assert running.ended() == []


def _make_collections(running: Platform) -> None:
    url = running.variables[url_variable("notifications")]
    with MongoClient[dict[str, Any]](url, uuidRepresentation="standard") as client:
        ensure_collections(client[urlsplit(url).path.lstrip("/")])
