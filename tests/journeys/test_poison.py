"""One message among ten thousand that nobody can handle: it harms no other, and waits to be mended."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from contexts.inventory.messages import ReceiveStock
from tests.persistence.virtual_host import eventually

from .journal import deliver, first
from .platform import ROOT, Platform
from .shop import WAREHOUSE
from .struck import Struck, struck_platform

MESSAGES, PRODUCTS, ENVELOPE = 10_000, 50, 100

#: Fits a message, and no INTEGER column.
POISON = 2**31


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Struck]:
    """A platform of this module's own: a letter that died here must not trouble other tests."""
    with struck_platform(tmp_path_factory.mktemp("struck")) as one:
        yield one


def ops(platform: Platform, *arguments: object) -> Any:
    """Run `scripts/ops ... --json` as an operator does, and return what it prints; it must succeed."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "ops"), *map(str, arguments), "--json"],
        env={**os.environ, **platform.variables, "USER": "olga"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def received(platform: Platform, products: list[UUID]) -> Counter[UUID]:
    """Return the units on hand of each product."""
    levels = "SELECT product_id, quantity_on_hand FROM inventory WHERE product_id = ANY(%s)"
    return Counter(dict(platform.rows("inventory", levels, products)))


def letters(platform: Platform) -> list[tuple[Any, ...]]:
    """Return what is dead, once what was put aside is due: nine waits, each twice the last, are too long for a test."""
    platform.rows("inventory", "UPDATE outbox SET available_at = now() WHERE attempt > 0 RETURNING id")
    return platform.rows("inventory", "SELECT id, status, attempts, error, traceback, payload FROM dead_letters")


def test_one_poison_message_among_ten_thousand_dies_alone_and_completes_when_it_is_mended(
    struck: Struck, tmp_path: Path
) -> None:
    platform = struck.platform
    products = [uuid4() for _ in range(PRODUCTS)]
    commands = [
        ReceiveStock(delivery_id=uuid4(), product_id=products[n % PRODUCTS], warehouse_id=WAREHOUSE, quantity=1)
        for n in range(MESSAGES)
    ]
    poison = commands[MESSAGES // 2] = commands[MESSAGES // 2].model_copy(update={"quantity": POISON})
    entries = [entry for one in commands for entry in first(one, one.delivery_id, one.delivery_id)]
    deliver(platform, entries, together=ENVELOPE)

    good = Counter(command.product_id for command in commands if command is not poison)
    eventually(lambda: received(platform, products) == good, 180)
    ((identity, status, attempts, error, trace, payload),) = eventually(lambda: letters(platform), 120)
    assert (identity, status, attempts) == (poison.delivery_id, "DEAD", 10)
    assert payload["body"] == poison.model_dump(mode="json")
    assert "NumericValueOutOfRange" in error
    assert "persistence/inventory.py" in trace
    struck.wait_until_quiet()

    (shown,) = ops(platform, "dead-letters", "show", identity, "--unmasked")["dead_letters"]
    assert (shown["payload"], shown["traceback"]) == (payload, trace)
    body = tmp_path / "body.json"
    body.write_text(json.dumps(shown["payload"]["body"] | {"quantity": 1}))
    ops(platform, "dead-letters", "retry", "--id", identity, "--payload", body, "--note", "one unit, says the slip")

    good[poison.product_id] += 1
    eventually(lambda: received(platform, products) == good, 60)
    struck.wait_until_quiet()
    assert [row[1] for row in letters(platform)] == ["RETRIED"]
    booked = platform.rows("inventory", "SELECT count(*), sum(quantity) FROM inventory_movements")
    assert booked == [(MESSAGES, MESSAGES)]
    assert received(platform, products) == good
