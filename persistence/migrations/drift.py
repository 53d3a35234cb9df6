"""Where a database and the models of its tables differ, as sentences.

Two comparisons, since each sees what the other does not. Alembic's says what to change. Its eye for expressions,
conditions and storage parameters is weak, so the models are also built in a schema of their own, inside a transaction
that is rolled back, and PostgreSQL's own descriptions of both are compared.
"""

import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from persistence.collections import collection_differences
from persistence.databases import engine, notifications_database
from persistence.migrations.descriptions import descriptions
from persistence.tables import METADATA

_MODELS = "first_viscount_models"


def differences(context: str) -> list[str]:
    """Where a context's store is not as the code declares it; empty if it is. Changes nothing."""
    if context == "notifications":
        return _notifications_differences()
    pool = engine(context, pool_size=1)
    try:
        with pool.connect() as connection:
            return table_differences(context, connection)
    finally:
        pool.dispose()


def table_differences(context: str, connection: sqlalchemy.Connection) -> list[str]:
    """Differences as this connection's open transaction sees them; what it did before stays done."""
    metadata = METADATA[context]
    found = [_sentence(change) for change in compare_metadata(_migration_context(connection), metadata)]
    # The savepoint is never released: nothing of the second comparison stays.
    with connection.begin_nested() as savepoint:
        found += _described_differences(metadata, connection)
        savepoint.rollback()
    return found


def _described_differences(metadata: sqlalchemy.MetaData, connection: sqlalchemy.Connection) -> list[str]:
    """Differences between PostgreSQL's descriptions of the database's tables and of the models'."""
    schema = connection.execute(text("SELECT current_schema()")).scalar_one()
    actual = descriptions(connection, schema)
    connection.execute(text(f"CREATE SCHEMA {_MODELS}"))
    connection.execute(text(f"SET LOCAL search_path TO {_MODELS}, public"))
    metadata.create_all(connection, checkfirst=False)
    declared = descriptions(connection, _MODELS)
    return [f"only in the database: {line}" for line in sorted(actual - declared)] + [
        f"only in the models: {line}" for line in sorted(declared - actual)
    ]


def _migration_context(connection: sqlalchemy.Connection) -> MigrationContext:
    """Alembic's view of the connection, with every comparison on that it offers."""
    return MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})


def _sentence(change: object) -> str:
    """One of Alembic's differences in one line."""
    return f"alembic would: {' '.join(str(change).split())}"


def _notifications_differences() -> list[str]:
    """Differences of the MongoDB collections."""
    database = notifications_database()
    try:
        return collection_differences(database)
    finally:
        database.client.close()
