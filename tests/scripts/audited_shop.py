"""A shop whose orders came to every end, on real workers, with a card network and a carrier that nobody else uses.

What a test plants into a store is taken out again, so that the next one finds everything whole.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Composed, Identifier
from psycopg.types.json import Jsonb
from pymongo import MongoClient
from pymongo.collection import Collection

from auditing import Report, audit, waiting
from contexts.catalog.messages import Price, PutProduct
from contexts.coordination.messages import CancelOrder
from contexts.orders.messages import PlaceOrder
from contexts.subscriptions import QUEUES
from persistence.collections import ensure_collections
from persistence.databases import url_variable
from sandboxes.shipments import UNSTOPPABLE_POSTAL_CODE
from tests.contexts.examples import NOW
from tests.journeys.platform import Platform, platform
from tests.journeys.shop import DECLINED_CARD, HOME, UNSERVED, Shop
from tests.persistence.virtual_host import eventually
from tests.sandboxes.launching import Server, launcher

#: The carrier takes such a parcel at once: it cannot be stopped any more.
TAKEN_AT_ONCE = HOME.model_copy(update={"postal_code": UNSTOPPABLE_POSTAL_CODE})


@dataclass
class AuditedShop:
    """Orders by what became of them; `spare` ones are completed, each for one test."""

    platform: Platform
    gateway: Server
    carrier: Server
    product_id: UUID = field(default_factory=uuid4)
    orders: dict[str, UUID] = field(default_factory=dict)
    spare: list[UUID] = field(default_factory=list)

    @property
    def completed(self) -> UUID:
        """An order that was completed."""
        return self.orders["completed"]

    def audit(self, *orders: UUID, settle_seconds: float = 0.2, **others: Any) -> Report:
        """Audit in this process; all orders unless some are named.

        Where so little time is given, RabbitMQ's figures are taken for new: the shop was opened when they were.
        """
        with self.variables(), pytest.MonkeyPatch.context() as patch:
            if settle_seconds < waiting.FIGURES_SECONDS:
                patch.setattr(waiting, "FIGURES_SECONDS", 0.0)
            return audit(orders=orders or None, settle_seconds=settle_seconds, **others)

    def checks(self, *orders: UUID) -> list[str]:
        """Return the checks that some orders fail."""
        return sorted({one.check for one in self.audit(*orders).violations})

    @contextmanager
    def variables(self) -> Iterator[None]:
        """Have this process find the shop's servers."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.platform.variables.items():
                patch.setenv(name, value)
            yield

    @contextmanager
    def changed(self, context: str, table: str, where: str, key: object, **columns: object) -> Iterator[None]:
        """Change the rows whose column `where` is `key`, then change them back."""
        names = [SQL("{} = %s").format(Identifier(name)) for name in columns]
        change = SQL("UPDATE {} SET {} WHERE {} = %s").format(
            Identifier(table), SQL(", ").join(names), Identifier(where)
        )
        asked = SQL("SELECT {} FROM {} WHERE {} = %s LIMIT 1").format(
            SQL(", ").join(map(Identifier, columns)), Identifier(table), Identifier(where)
        )
        (before,) = self.execute(context, asked, key)
        self.execute(context, change, *columns.values(), key)
        try:
            yield
        finally:
            self.execute(context, change, *before, key)

    @contextmanager
    def copied(self, context: str, table: str, where: str, key: object, **columns: object) -> Iterator[None]:
        """Insert a copy of a row that differs in some columns, its id too; then delete it."""
        copy, identity = (
            SQL("INSERT INTO {0} SELECT (jsonb_populate_record(one, %s)).* FROM {0} one WHERE {1} = %s LIMIT 1"),
            uuid4(),
        )
        columns = {"id": identity, **columns}
        changes = Jsonb({name: value if value is None else str(value) for name, value in columns.items()})
        self.execute(context, copy.format(Identifier(table), Identifier(where)), changes, key)
        try:
            yield
        finally:
            self.execute(context, SQL("DELETE FROM {} WHERE id = %s").format(Identifier(table)), columns["id"])

    @contextmanager
    def removed(self, context: str, table: str, where: str, key: object) -> Iterator[None]:
        """Delete the rows whose column `where` is `key`, then insert them again."""
        named = (Identifier(table), Identifier(where))
        rows = self.execute(context, SQL("SELECT to_jsonb(one) FROM {} one WHERE {} = %s").format(*named), key)
        self.execute(context, SQL("DELETE FROM {} WHERE {} = %s").format(*named), key)
        again = SQL("INSERT INTO {0} SELECT * FROM jsonb_populate_recordset(NULL::{0}, %s)").format(Identifier(table))
        try:
            yield
        finally:
            self.execute(context, again, Jsonb([row for (row,) in rows]))

    def execute(self, context: str, statement: SQL | Composed, *parameters: object) -> Sequence[Any]:
        """Do something in a context's database as its owner; return the rows, if it gives any."""
        with psycopg.connect(self.platform.variables[url_variable(context)], autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else ()

    @contextmanager
    def notifications(self) -> Iterator[Collection[dict[str, Any]]]:
        """The notifications' own collection."""
        url = self.platform.variables[url_variable("notifications")]
        with MongoClient[dict[str, Any]](url, uuidRepresentation="standard") as client:
            yield client.get_default_database()["notifications"]


@contextmanager
def audited_shop(directory: Path) -> Iterator[AuditedShop]:
    """Open the shop; every journey has come to its end, every mail has left. Everything goes at the end."""
    with ExitStack() as stack:
        plain, launch = stack.enter_context(platform()), stack.enter_context(launcher())
        gateway, carrier = (
            launch(f"sandboxes.{name}", "--journal", str(directory / name)) for name in ("payment_gateway", "carrier")
        )
        urls = {"PAYMENT_GATEWAY_URL": f"sandbox+{gateway.url}", "CARRIER_URL": carrier.url}
        own = AuditedShop(Platform(plain.host, {**plain.variables, **urls}), gateway, carrier)
        stack.callback(own.platform.end)
        with own.notifications() as collection:
            ensure_collections(collection.database)
        for queue in QUEUES:  # one after the other: seven imports at once are too much for a busy machine
            own.platform.start(queue)
        _sell(own)
        _know_queues_empty(own)
        yield own


def _sell(own: AuditedShop) -> None:
    """Place orders of every kind, and wait until nothing about them moves."""
    shop = Shop(own.platform)
    own.product_id, scarce = shop.stock(100), shop.stock(0)
    placed = {
        "completed": shop.order(own.product_id, 2),
        "returned": shop.order(own.product_id),
        "return refused": shop.order(own.product_id, to=TAKEN_AT_ONCE),
        "pay refused": shop.order(own.product_id, card=DECLINED_CARD),
        "ship refused": shop.order(own.product_id, to=UNSERVED),
        "reserve refused": shop.order(scarce),
        "rejected at once": shop.order(_discontinued(own.platform)),
        **{f"spare {number}": shop.order(own.product_id) for number in range(9)},
    }
    shop.place(*placed.values())
    own.orders = {name: order.order_id for name, order in placed.items()}
    own.spare = [order_id for name, order_id in own.orders.items() if name.startswith("spare")]
    begun = [order for name, order in placed.items() if name != "rejected at once"]
    shop.wait_until_final(*begun, seconds=60)
    for name in ("returned", "return refused"):
        own.platform.send(CancelOrder(order_id=own.orders[name], reason="changed my mind"))
    eventually(lambda: _mails_sent(own) == len(placed) + 2, 60)


def _know_queues_empty(own: AuditedShop) -> None:
    """Wait until RabbitMQ's figures are of now: those of a busy moment are told until five to ten seconds later."""
    queues, sold_at = waiting.Queues(), time.monotonic()

    def are_empty() -> bool:
        queues.see()
        return not queues.not_drained_since(sold_at)

    with own.variables():
        eventually(are_empty, 60)


def _mails_sent(own: AuditedShop) -> int:
    with own.notifications() as collection:
        return collection.count_documents({"status": "SENT"})


def _discontinued(running: Platform) -> UUID:
    product_id = uuid4()
    price = Price(id=uuid4(), price_minor=100, effective_from=NOW)
    running.send(
        PutProduct(product_id=product_id, sku=f"CD-{product_id}", name="A CD", status="DISCONTINUED", prices=(price,))
    )
    eventually(lambda: running.rows("orders", "SELECT 1 FROM price_copies WHERE product_id = %s", product_id))
    return product_id


def journey_of(own: AuditedShop, order: PlaceOrder) -> str | None:
    """Return the step that an order's journey is at."""
    rows = own.platform.rows("coordination", "SELECT current_step FROM sagas WHERE id = %s", order.order_id)
    return str(rows[0][0]) if rows else None


def asked(shop: AuditedShop, operation: str, order_id: UUID, payment: UUID, **fields: object) -> None:
    """Ask the card network for something."""
    request = {
        "operation": operation,
        "idempotency_key": str(uuid4()),
        "payment_id": str(payment),
        "order_id": str(order_id),
        "amount_minor": 1299,
        "currency": "USD",
        "card_token": "tok_visa" if operation == "authorize" else None,
        "transaction_id": None,
        **fields,
    }
    _, (outcome,) = shop.gateway.ask("POST", "/v1/operations", [request])
    assert outcome["status"] == "approved", outcome
