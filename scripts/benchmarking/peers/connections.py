"""A peer's connections: one a thread and context, kept open, to the databases that the *_DATABASE_URLs name."""

import threading
from typing import Any

import psycopg

from persistence.databases import connection_parts

_OPEN = threading.local()


def connection(context: str) -> "psycopg.Connection[Any]":
    """Return this thread's connection; `with connection(context).transaction():` is one transaction."""
    found: psycopg.Connection[Any] | None = getattr(_OPEN, context, None)
    if found is None:
        # Planned as the platform's own statements are.
        parts = connection_parts(context) | {"options": "-c random_page_cost=1.1"}
        found = psycopg.connect(**parts, autocommit=True, application_name="bench")
        setattr(_OPEN, context, found)
    return found
