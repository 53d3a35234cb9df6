"""The databases' histories: an Alembic history a PostgreSQL context, and the collections of MongoDB.

Everything here may be repeated, and may run in several processes at once: an advisory lock lets one at a time in.
"""

import io
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from persistence.collections import ensure_collections
from persistence.databases import POSTGRESQL_CONTEXTS, engine, notifications_database

CONTEXTS = (*POSTGRESQL_CONTEXTS, "notifications")
"""Every context that has a store."""

_LOCK_KEY = 0x66697273747669  # "firstvi": advisory locks are numbers, one database wide
_ALEMBIC = threading.Lock()  # alembic.op and alembic.context are one a process


@dataclass(frozen=True, slots=True)
class Migrated:
    """What an upgrade did: revisions before and after (None: no history yet, or MongoDB), and seconds it took."""

    context: str
    before: str | None
    after: str | None
    seconds: float


def upgrade(context: str) -> Migrated:
    """Bring one context's store to its newest form. Raises DatabaseUrlError, and the driver's errors.

    A PostgreSQL upgrade is one transaction: after a failure the database is as it was.
    """
    started = time.perf_counter()
    before, after = _upgrade_notifications() if context == "notifications" else _upgrade_postgresql(context)
    return Migrated(context, before, after, time.perf_counter() - started)


def upgrade_all() -> list[Migrated]:
    """Bring every context's store to its newest form, one after the other."""
    return [upgrade(context) for context in CONTEXTS]


def head(context: str) -> str | None:
    """The newest revision that this code knows for a PostgreSQL context."""
    return ScriptDirectory.from_config(_config(context)).get_current_head()


def current(connection: sqlalchemy.Connection) -> str | None:
    """The revision a database is at; None if it has no history yet."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade_sql(context: str) -> str:
    """The SQL that takes an empty database of a PostgreSQL context to its newest form."""
    output = io.StringIO()
    config = _config(context)
    config.attributes["output"] = output
    with _ALEMBIC:
        command.upgrade(config, "head", sql=True)
    return output.getvalue()


def _upgrade_notifications() -> tuple[None, None]:
    """Create the collections. MongoDB's validators and indexes have no revisions, they are set as declared."""
    database = notifications_database()
    try:
        ensure_collections(database)
    finally:
        database.client.close()
    return None, None


def _upgrade_postgresql(context: str) -> tuple[str | None, str | None]:
    """Run the missing revisions in one transaction; returns the revisions before and after."""
    pool = engine(context, pool_size=1)
    try:
        with _ALEMBIC, pool.begin() as connection:
            connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(_LOCK_KEY)))
            before = current(connection)
            if before != head(context):
                config = _config(context)
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
            return before, current(connection)
    finally:
        pool.dispose()


def _config(context: str) -> Config:
    """Alembic's configuration of one context, without a file."""
    here = str(Path(__file__).parent).replace("%", "%%")  # a percent sign would start an interpolation
    config = Config()
    config.set_main_option("script_location", here)
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{here}/{context}/versions")
    return config
