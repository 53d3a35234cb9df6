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
        found = psycopg.connect(**connection_parts(context), autocommit=True, application_name="bench")
        setattr(_OPEN, context, found)
    return found
