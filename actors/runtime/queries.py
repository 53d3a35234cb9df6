"""Answering queries: a view from the context's own database, kept in Redis and handed to the one who asked."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import redis

from actors.runtime.handlers import QueryHandler
from contexts.messages import Query, Stamped
from contexts.views import View
from persistence.read_models import ReadModelWriter

logger = logging.getLogger(__name__)


class Answers:
    """Answers queries of one context. A question that cannot be answered is dropped: its asker has a deadline."""

    def __init__(self, store: Any, bind: Callable[..., Any]) -> None:
        self._store = store
        self._bind = bind
        self._read_models = ReadModelWriter()

    def refresh(self, views: Sequence[View]) -> None:
        """Write changes through to the views that somebody has read lately. One that is missed goes within the hour."""
        try:
            self._read_models.store(views, only_if_kept=True)
        except (redis.RedisError, OSError) as error:
            logger.warning("Redis is away, %s views were not refreshed: %s", len(views), error)

    def give(self, handler: QueryHandler, messages: Sequence[Stamped]) -> None:
        """Answer a batch of queries from one read of the database."""
        queries = [message.body for message in messages if isinstance(message.body, Query)]
        try:
            with self._store.transaction() as transaction:
                repository = self._bind(handler.repository, transaction)
                repository.prefetch(queries)
                answers = [(query, handler.show(query, repository)) for query in queries]
            self._read_models.store([view for _, view in answers if view])
            self._read_models.answer([(query.reply_to, query.query_id, view) for query, view in answers])
        except (redis.RedisError, OSError) as error:
            logger.warning("Redis is away, %s queries stay unanswered: %s", len(queries), error)
        except Exception as error:
            if not self._store.is_passing_fault(error):
                logger.exception("%s cannot be answered", handler.message.wire_name)
            else:
                logger.warning("the database of %s is away, queries stay unanswered: %s", self._store.context, error)
