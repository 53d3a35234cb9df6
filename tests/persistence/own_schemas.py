"""Schemas of the tests' own in the contexts' databases, made by the real migrations and dropped at the end.

A relay sweeps everything that is due in its outbox: in a schema of their own, tests never meet another's rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from persistence import migrations
from persistence.databases import database_url, url_variable


@contextmanager
def own_schema(context: str) -> Iterator[str]:
    """Migrate a new schema; yields its URL, for psycopg and for the context's variable."""
    name = f"test_{uuid4().hex[:12]}"
    plain = database_url(context).set(drivername="postgresql").render_as_string(hide_password=False)
    # public stays in sight: the ltree type is there.
    url = f"{plain}{'&' if '?' in plain else '?'}options={quote(f'-c search_path={name},public')}"
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(name)))
        # An empty history of its own: else Alembic sees that of public, and there is nothing to do.
        version = "CREATE TABLE {}.alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
        connection.execute(SQL(version).format(Identifier(name)))
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(url_variable(context), url)
                assert migrations.upgrade(context).before is None
            yield url
        finally:
            connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(name)))
