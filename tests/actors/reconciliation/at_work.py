"""A context's actors at work on a real store, without RabbitMQ: what they send each other is carried by hand."""

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
from psycopg.rows import dict_row

from actors.runtime.back_off import BackOff
from actors.runtime.context import Context
from actors.runtime.exactly_once import ExactlyOnce
from actors.runtime.handlers import AskingHandler, Handler
from contexts.messages import Command, Message, Stamped, first_cause
from contexts.reconciliation import Reconcile
from persistence.parcels import Parcel
from persistence.postgres_store import PostgresStore

AN_HOUR_AGO, TEN_MINUTES_AGO, FIVE_MINUTES_AGO = timedelta(hours=1), timedelta(minutes=10), timedelta(minutes=5)


class AtWork:
    """The actors of one context. `told` is what they sent to other contexts; `carried` what to each other."""

    def __init__(self, context: Context, store: PostgresStore, url: str, subject: str) -> None:
        self.url = url
        self.told: list[Message] = []
        self.carried: list[Message] = []
        self._context = context
        self._subject = subject
        self._waiting: list[Parcel] = []
        self._runtime = ExactlyOnce(
            store, self._waiting.extend, context._bind, lambda views: None, BackOff(), threading.Event()
        )

    def send(self, command: Command, correlation: UUID | None = None) -> None:
        """Have a command and everything that follows from it done."""
        self._process(command, [first_cause(uuid4(), command, correlation or uuid4())])
        while self._waiting:
            parcel = self._waiting.pop(0)
            messages = [Stamped.from_dict(orjson.loads(one)) for one in parcel.messages]
            if type(messages[0].body) in self._context.handlers:
                self.carried += [message.body for message in messages]
                self._process(messages[0].body, messages)
            else:
                self.told += [message.body for message in messages]

    def look(self, kind: type[Reconcile], since: timedelta = AN_HOUR_AGO, lag: timedelta = FIVE_MINUTES_AGO) -> Any:
        """Take an operator's look to its end; returns its row."""
        now, run_id = datetime.now(UTC), uuid4()
        self.send(kind(run_id=run_id, since=now - since, until=now - lag))
        return self.row("SELECT * FROM reconciliations WHERE id = %s", run_id)

    def tick(self, kind: type[Reconcile], until: datetime) -> Any:
        """Take the clock's look to its end; returns its row, None if none was taken."""
        run_id = uuid4()
        self.send(kind(run_id=run_id, until=until))
        return self.row("SELECT * FROM reconciliations WHERE id = %s", run_id)

    def tick_beside_a_look(
        self,
        tick: Reconcile,
        repository: Callable[[psycopg.Connection[Any]], Any],
        ask: Callable[..., object],
        conclude: Callable[..., Iterable[Message]],
    ) -> list[Message]:
        """Have a tick ask while the last look is under way again, and conclude once that has ended; what it sends."""
        self.change("UPDATE reconciliations SET finished_at = NULL")
        with psycopg.connect(self.url, autocommit=True) as connection:
            records = repository(connection)
            with connection.transaction():
                assert ask(tick, records) is None
            self.change("UPDATE reconciliations SET finished_at = now()")
            with connection.transaction():
                return list(conclude(tick, None, records))

    def open(self) -> list[tuple[UUID, str]]:
        """Return the open discrepancies as (order, kind)."""
        return [(row["order_id"], row["kind"]) for row in self.discrepancies() if row["resolved_at"] is None]

    def discrepancies(self) -> list[Any]:
        """Return all discrepancies."""
        return self.rows(f"SELECT * FROM {self._subject}_discrepancies ORDER BY order_id, kind")

    def row(self, query: str, *parameters: object) -> Any:
        """Return the first row of a query, or None."""
        return next(iter(self.rows(query, *parameters)), None)

    def rows(self, query: str, *parameters: object) -> list[Any]:
        """Return the rows of a query."""
        with psycopg.connect(self.url, autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def change(self, statement: str, *parameters: object) -> None:
        """Change what is stored, behind the actors' back."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            assert connection.execute(statement.encode(), parameters).rowcount

    def _process(self, body: Message, messages: Sequence[Stamped]) -> None:
        handler = self._context.handlers[type(body)]
        assert isinstance(handler, AskingHandler | Handler)
        self._runtime.process(handler, messages)
        letters = self.rows("SELECT error, traceback FROM dead_letters")
        retried = self.rows("SELECT last_error FROM outbox WHERE attempt > 0")
        assert (letters, retried) == ([], [])
