"""`scripts/ops` as an operator runs it, against stores and queues that only one test module uses."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection
from pymongo.database import Database

from persistence.collections import ensure_collections
from persistence.databases import POSTGRESQL_CONTEXTS, notifications_database, url_variable
from persistence.mongo_store import MongoStore
from persistence.postgres_store import PostgresStore
from tests.persistence.own_schemas import own_schema
from tests.persistence.virtual_host import VirtualHost, own_virtual_host, required

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Desk:
    """Stores and queues of the tests' own, and the tool that is pointed at them."""

    variables: Mapping[str, str]
    host: VirtualHost
    documents: Database[dict[str, Any]]

    def start(self, *arguments: object, **variables: str) -> subprocess.Popen[str]:
        """Start `scripts/ops` and return at once."""
        return subprocess.Popen(
            [sys.executable, str(ROOT / "scripts" / "ops"), *map(str, arguments)],
            env={**os.environ, **self.variables, "USER": "olga", **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object, said: str = "", **variables: str) -> tuple[int, str, str]:
        """Run `scripts/ops`; returns exit code, standard output and standard error."""
        process = self.start(*arguments, **variables)
        output, errors = process.communicate(said, timeout=60)
        assert "Traceback (most recent call last)" not in errors, errors
        return process.returncode, output, errors

    def document(self, *arguments: object) -> Any:
        """Run `scripts/ops ... --json`, which must find something, and return what it prints."""
        code, output, errors = self.run(*arguments, "--json")
        assert code == 0, errors
        return json.loads(output)

    @contextmanager
    def store(self, context: str) -> Iterator[PostgresStore]:
        """A context's store."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(url_variable(context), self.variables[url_variable(context)])
            opened = PostgresStore(context, connections=2)
        try:
            yield opened
        finally:
            opened.close()

    @property
    def mongo_store(self) -> MongoStore:
        """The notifications' store."""
        return MongoStore("notifications", self.documents)

    @contextmanager
    def database(self, context: str) -> Iterator[Connection[Any]]:
        """What the database's owner sees, statement by statement."""
        with psycopg.connect(self.variables[url_variable(context)], autocommit=True) as connection:
            yield connection

    def clear(self) -> None:
        """Empty the messaging tables of every context."""
        for context in POSTGRESQL_CONTEXTS:
            with self.database(context) as connection:
                connection.execute("TRUNCATE inbox, outbox, dead_letters")
        for collection in ("inbox", "outbox", "dead_letters"):
            self.documents[collection].delete_many({})


@contextmanager
def own_desk() -> Iterator[Desk]:
    """Stores migrated for these tests only, and a virtual host; all go at the end."""
    with ExitStack() as stack:
        variables = {url_variable(one): stack.enter_context(own_schema(one)) for one in POSTGRESQL_CONTEXTS}
        host = stack.enter_context(own_virtual_host())
        given = notifications_database()
        stack.callback(given.client.close)
        documents = given.client.get_database(f"{given.name}_test_{uuid4().hex[:12]}")
        stack.callback(given.client.drop_database, documents.name)
        ensure_collections(documents)
        mongo = urlsplit(required(url_variable("notifications")))
        variables |= {
            url_variable("notifications"): mongo._replace(path=f"/{documents.name}").geturl(),
            "RABBITMQ_URL": host.url,
        }
        yield Desk(variables, host, documents)
