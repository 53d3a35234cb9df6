"""Stores in which every message fails the first time that it is handled, whatever it is."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from pymongo import MongoClient
from pymongo.database import Database

from persistence.collections import ensure_collections
from persistence.databases import POSTGRESQL_CONTEXTS, url_variable

from .platform import Platform

#: A message that was put aside has failed before; it is known by the outbox row that will bring it again.
FAIL_ONCE = """
    CREATE TABLE failed_before (message UUID PRIMARY KEY);
    CREATE FUNCTION remember_failure() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO failed_before SELECT (message ->> 'id')::uuid
        FROM jsonb_array_elements(convert_from(NEW.payload, 'UTF8')::jsonb) message ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$;
    CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM failed_before WHERE message = NEW.id) THEN
            RAISE EXCEPTION 'the first time, everything fails here';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER remember AFTER INSERT ON outbox FOR EACH ROW WHEN (NEW.attempt > 0)
        EXECUTE FUNCTION remember_failure();
    CREATE TRIGGER fail BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION fail_once()
"""

#: In this order: what is put aside goes on working while the last triggers go.
MEND = """
    DROP TRIGGER fail ON inbox; DROP TRIGGER remember ON outbox;
    DROP FUNCTION fail_once; DROP FUNCTION remember_failure; DROP TABLE failed_before
"""


@contextmanager
def everything_fails_once(platform: Platform) -> Iterator[None]:
    """Every message of the PostgreSQL contexts fails once."""
    with ExitStack() as stack:
        for context in POSTGRESQL_CONTEXTS:
            url = platform.variables[url_variable(context)]
            connection = stack.enter_context(psycopg.connect(url, autocommit=True))
            connection.execute(FAIL_ONCE)
            stack.callback(connection.execute, MEND)
        yield


@contextmanager
def notifications_fail(platform: Platform) -> Iterator[None]:
    """Every message of the notifications fails, as long as this lasts: MongoDB has no triggers."""
    with _notifications(platform) as database:
        try:
            database.command("collMod", "inbox", validator={"_id": {"$type": "string"}})
            yield
        finally:
            ensure_collections(database)


@contextmanager
def _notifications(platform: Platform) -> Iterator[Database[dict[str, Any]]]:
    url = platform.variables[url_variable("notifications")]
    with MongoClient[dict[str, Any]](url, uuidRepresentation="standard") as client:
        yield client[urlsplit(url).path.lstrip("/")]
