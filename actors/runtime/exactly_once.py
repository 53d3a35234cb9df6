"""Each message's effects once: inbox, prefetch, decide, flush, outbox, in one transaction of the context's database.

An actor that asks a party outside has one before, in which it notes what it asks for; its inbox is in the second.
"""

import logging
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from actors.runtime.back_off import BackOff
from actors.runtime.crash_points import CrashPoint, reached
from actors.runtime.handlers import AskingHandler, Handler, Repository, TryAgain
from contexts.messages import Destination, Message, Stamped
from contexts.subscriptions import destinations
from contexts.views import View
from persistence.parcels import DeadLetter, Parcel, parcel
from persistence.setwise import Overtaken

logger = logging.getLogger(__name__)


class Stopping(BaseException):
    """Raised out of an actor whose messages cannot be done before the process ends: they go back to the queue."""


class Transaction(Protocol):
    """What the runtime asks of a transaction; both kinds of database have it."""

    def receive(self, ids: Sequence[UUID]) -> set[UUID]: ...
    def unseen(self, ids: Sequence[UUID]) -> set[UUID]: ...
    def forget(self, ids: Sequence[UUID]) -> None: ...
    def send(self, parcels: Sequence[Parcel]) -> None: ...
    def bury(self, letter: DeadLetter) -> None: ...


class ExactlyOnce:
    """Processes messages of one context for good: done, put aside for later, or dead; never lost, never done twice."""

    def __init__(
        self,
        store: Any,
        hand_over: Callable[[Sequence[Parcel]], None],
        bind: Callable[[type[Any], Any], Repository],
        refresh: Callable[[Sequence[View]], None],
        back_off: BackOff,
        stopping: threading.Event,
    ) -> None:
        self._store = store
        self._hand_over = hand_over
        self._bind = bind
        self._refresh = refresh
        self._back_off = back_off
        self._stopping = stopping

    def process(self, handler: Handler | AskingHandler, messages: Sequence[Stamped]) -> None:
        """Process messages for one actor; returns when each is done, put aside or dead.

        Waits while the database is away, holding the messages; raises `Stopping` if the process is to end meanwhile.
        """
        try:
            self._repeat_until_reachable(lambda: self._attempt(handler, messages))
        except Exception as error:  # noqa: BLE001 - whatever an actor raises, its message is kept
            if len(messages) > 1:
                self._one_by_one(handler, messages)
            else:
                trace = traceback.format_exc()
                failed, reason = messages[0], error
                self._insist(lambda: self._put_aside(handler.destination, failed, reason, trace))

    def _one_by_one(self, handler: Handler | AskingHandler, messages: Sequence[Stamped]) -> None:
        """Process a batch that failed: a poison message harms only itself, even one that cannot be put aside."""
        failed: Exception | None = None
        for message in messages:
            if self._stopping.is_set():
                raise Stopping
            try:
                self.process(handler, [message])
            except Exception as error:  # noqa: BLE001 - raised when all the others are done
                failed = error
        if failed is not None:
            raise failed

    def bury_malformed(self, destination: Destination, fields: Any, error: Exception, identity: UUID) -> None:
        """Keep a member of an envelope that is not a message (any JSON) as a dead letter."""
        message_type = str(fields.get("type") if isinstance(fields, dict) else type(fields).__name__)
        letter = DeadLetter(identity, destination, message_type, None, fields, 0, str(error), "", datetime.now(UTC))
        self._insist(lambda: self._bury(letter))

    def _attempt(self, handler: Handler | AskingHandler, messages: Sequence[Stamped]) -> None:
        if isinstance(handler, AskingHandler):
            self._ask_and_conclude(handler, messages)
        else:
            self._decide(handler, messages)

    def _decide(self, handler: Handler, messages: Sequence[Stamped]) -> None:
        actor = handler.destination.actor
        reached(CrashPoint.RECEIVED, actor)
        with self._transaction(actor) as transaction:
            fresh = self._only(transaction.receive([message.id for message in messages]), messages)
            if not fresh:
                return
            repository = self._bind(handler.repository, transaction)
            with _doubting(repository):
                repository.prefetch([message.body for message in fresh])
                parcels = self._consequences(
                    transaction, fresh, lambda message: handler.decide(message.body, repository), handler.destination
                )
                repository.flush()
            transaction.send(parcels)
        self._committed(parcels, repository)

    def _ask_and_conclude(self, handler: AskingHandler, messages: Sequence[Stamped]) -> None:
        actor = handler.destination.actor
        reached(CrashPoint.RECEIVED, actor)
        with self._store.transaction() as transaction:
            fresh = self._only(transaction.unseen([message.id for message in messages]), messages)
            if not fresh:
                return
            repository = self._bind(handler.asked_in, transaction)
            with _doubting(repository):
                repository.prefetch([message.body for message in fresh])
                requests = {message.id: handler.ask(message.body, repository) for message in fresh}
                repository.flush()
            reached(CrashPoint.BEFORE_ATTEMPT_COMMIT, actor)
        _tell_committed(repository)
        reached(CrashPoint.BEFORE_CALL, actor)
        asked = [message for message in fresh if requests[message.id] is not None]
        # No transaction is open here: the outside may take its time, and may fail after having done the work.
        answers = handler.port()([requests[message.id] for message in asked]) if asked else []
        outcomes = dict(zip((message.id for message in asked), answers, strict=True))
        reached(CrashPoint.AFTER_CALL, actor)
        # Repeated alone when the database is away: the outside is not asked again for an answer that is at hand.
        self._repeat_until_reachable(lambda: self._conclude(handler, fresh, outcomes))

    def _conclude(self, handler: AskingHandler, asked: Sequence[Stamped], outcomes: Mapping[UUID, Any]) -> None:
        with self._transaction(handler.destination.actor) as transaction:
            fresh = self._only(transaction.receive([message.id for message in asked]), asked)
            repository = self._bind(handler.repository, transaction)
            with _doubting(repository):
                repository.prefetch([message.body for message in fresh])
                parcels = self._consequences(
                    transaction,
                    fresh,
                    lambda message: handler.conclude(message.body, outcomes.get(message.id), repository),
                    handler.destination,
                )
                repository.flush()
            transaction.send(parcels)
        self._committed(parcels, repository)

    def _consequences(
        self,
        transaction: Transaction,
        messages: Sequence[Stamped],
        decide: Callable[[Stamped], Iterable[Message] | None],
        origin: Destination,
    ) -> list[Parcel]:
        """Run the actor's function on each message; return one parcel a destination, and one for each try again."""
        now = datetime.now(UTC)
        by_destination: dict[Destination, list[Stamped]] = {}
        again = []
        for message in messages:
            try:
                decided = list(decide(message) or ())
            except TryAgain as reason:
                transaction.forget([message.id])
                if message.attempt + 1 < self._back_off.attempts:
                    logger.warning("%s is tried again (attempt %s): %s", message.id, message.attempt + 1, reason)
                    again.append(self._later(origin, message, str(reason)))
                else:
                    transaction.bury(self._letter(origin, message, reason, ""))
                continue
            for consequence in message.followed_by(decided, now):
                for destination in destinations(type(consequence.body)):
                    by_destination.setdefault(destination, []).append(consequence)
        return [parcel(destination, stamped) for destination, stamped in by_destination.items()] + again

    def _later(self, origin: Destination, message: Stamped, reason: str) -> Parcel:
        next_try = message.tried_again()
        return Parcel(
            self._back_off.parcel_id(next_try),
            origin,
            (next_try.to_json(),),
            self._back_off.seconds(next_try.attempt),
            next_try.attempt,
            reason,
        )

    def _put_aside(self, destination: Destination, message: Stamped, error: Exception, trace: str) -> None:
        attempts = message.attempt + 1
        if attempts < self._back_off.attempts:
            logger.warning("%s failed (attempt %s), put aside: %r", message.body.wire_name, attempts, error)
            put_aside = self._later(destination, message, repr(error))
            with self._transaction(
                destination.actor, CrashPoint.BEFORE_PUTTING_ASIDE, CrashPoint.AFTER_PUTTING_ASIDE
            ) as transaction:
                transaction.send([put_aside])
            return
        self._bury(self._letter(destination, message, error, trace))

    @staticmethod
    def _letter(destination: Destination, message: Stamped, error: Exception, trace: str) -> DeadLetter:
        attempts = message.attempt + 1
        logger.error("%s %s is dead after %s attempts: %r", message.body.wire_name, message.id, attempts, error)
        return DeadLetter(
            message.id,
            destination,
            message.body.wire_name,
            message.correlation_id,
            message.to_dict(),
            attempts,
            repr(error),
            trace,
            datetime.now(UTC),
        )

    def _bury(self, letter: DeadLetter) -> None:
        with self._transaction(
            letter.destination.actor, CrashPoint.BEFORE_PUTTING_ASIDE, CrashPoint.AFTER_PUTTING_ASIDE
        ) as transaction:
            transaction.bury(letter)

    @contextmanager
    def _transaction(
        self, actor: str, before: CrashPoint = CrashPoint.BEFORE_COMMIT, after: CrashPoint = CrashPoint.AFTER_COMMIT
    ) -> Iterator[Transaction]:
        with self._store.transaction() as transaction:
            yield transaction
            reached(before, actor)
        reached(after, actor)

    def _committed(self, parcels: Sequence[Parcel], repository: Repository) -> None:
        # First, since the answers to what is handed over want it.
        _tell_committed(repository)
        self._hand_over([parcel for parcel in parcels if parcel.after_seconds is None])
        changed_views = getattr(repository, "changed_views", None)
        if changed_views is not None:
            self._refresh(changed_views())

    def _insist(self, work: Callable[[], None]) -> None:
        """Keep what failed, however long it takes: a database that takes no writes is not its messages' fault."""
        self._repeat(work, self._store.is_unusable)

    def _repeat_until_reachable(self, work: Callable[[], None]) -> None:
        self._repeat(work, self._store.is_passing_fault)

    def _repeat(self, work: Callable[[], None], passes: Callable[[Exception], bool]) -> None:
        wait = 0.05
        while True:
            try:
                return work()
            except Exception as error:
                if not passes(error):
                    raise
                logger.warning("the database of %s cannot do it now, trying again: %s", self._store.context, error)
            if self._stopping.wait(wait):
                raise Stopping
            wait = min(wait * 2, 2.0)

    @staticmethod
    def _only(ids: set[UUID], messages: Sequence[Stamped]) -> list[Stamped]:
        """Keep the messages of these ids, each id once: a batch may hold two copies of one message."""
        kept = []
        for message in messages:
            if message.id in ids:
                ids.discard(message.id)
                kept.append(message)
        return kept


@contextmanager
def _doubting(repository: Repository) -> Iterator[None]:
    """What is raised over remembered rows may be because they are out of date: it is done again from those stored."""
    try:
        yield
    except Exception as error:
        if getattr(repository, "remembers", False) and not isinstance(error, Overtaken):
            raise Overtaken(f"{error!r}, which may be of what was remembered") from error
        raise


def _tell_committed(repository: Repository) -> None:
    committed = getattr(repository, "committed", None)
    if committed is not None:
        committed()
