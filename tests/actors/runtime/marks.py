"""A context of the tests' own. Its only effect is a mark for each message: one that is done twice shows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg

from actors.runtime.back_off import BackOff
from actors.runtime.exactly_once import ExactlyOnce
from actors.runtime.handlers import AskingHandler, Handler
from contexts.inventory.messages import ReceiveStock, ReleaseStock
from contexts.messages import Destination, Message, Stamped, first_cause
from contexts.views import View
from persistence.parcels import Parcel
from persistence.postgres_store import PostgresStore

HERE = Destination("inventory", "inventory.receive_stock")
CONSEQUENCE = Destination("inventory", "inventory.release_stock")

TABLE = "CREATE TABLE IF NOT EXISTS marks (message UUID NOT NULL, remark TEXT NOT NULL)"


class Marks:
    """The marks that one batch makes."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.made: list[tuple[UUID, str]] = []
        self.batch: Sequence[Message] = ()

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Nothing to load."""
        self.batch = messages

    def make(self, command: ReceiveStock, remark: str = "done") -> None:
        """Note that a command had its effect."""
        self.made.append((command.delivery_id, remark))

    def flush(self) -> None:
        """Write all marks."""
        self.connection.cursor().executemany("INSERT INTO marks VALUES (%s, %s)", self.made)


def mark(command: ReceiveStock, marks: Marks) -> Iterable[Message]:
    """An actor: one effect and one consequence a message; the nil warehouse is poison."""
    marks.make(command)
    if command.warehouse_id.int == 0:
        raise ZeroDivisionError("poison")
    yield ReleaseStock(order_id=command.delivery_id, lines=())


def message(poison: bool = False, attempt: int = 0) -> Stamped:
    """A message that nothing caused."""
    delivery_id = uuid4()
    warehouse = UUID(int=0) if poison else uuid4()
    body = ReceiveStock(delivery_id=delivery_id, product_id=uuid4(), warehouse_id=warehouse, quantity=1)
    stamped = first_cause(delivery_id, body, delivery_id)
    for _ in range(attempt):
        stamped = stamped.tried_again()
    return stamped


def handler(decide: Callable[[Any, Any], Iterable[Message] | None] = mark) -> Handler:
    """An actor whose whole work is one transaction."""
    return Handler(HERE, ReceiveStock, Marks, decide)


def bind(repository: type[Any], transaction: Any) -> Any:
    """Open a repository in a transaction."""
    return repository(transaction.connection)


@dataclass
class Work:
    """The runtime's heart on a real database, and what an operator sees there."""

    store: PostgresStore
    url: str
    back_off: BackOff = field(default_factory=lambda: BackOff(attempts=3))
    stopping: Event = field(default_factory=Event)
    handed_over: list[Parcel] = field(default_factory=list)
    refreshed: list[View] = field(default_factory=list)

    def process(self, actor: Handler | AskingHandler, *messages: Stamped) -> None:
        """Process messages as one batch."""
        once = ExactlyOnce(
            self.store, self.handed_over.extend, bind, self.refreshed.extend, self.back_off, self.stopping
        )
        once.process(actor, messages)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database as an operator would."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def marked(self) -> list[UUID]:
        """Return whose effects are there, sorted; twice what was done twice."""
        return [row[0] for row in self.rows("SELECT message FROM marks ORDER BY 1")]

    def aside(self) -> list[Stamped]:
        """Make what was put aside due, and take it."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("UPDATE outbox SET available_at = now() WHERE attempt > 0")
        claimed = [parcel for parcel in self.store.claim_due(100) if parcel.attempt]
        self.store.delete_sent([parcel.id for parcel in claimed])
        return [Stamped.from_dict(orjson.loads(one)) for parcel in claimed for one in parcel.messages]
