"""`scripts/servers` as a person at the terminal runs it, in a run directory and a block of ports of its own."""

import json
import os
import shlex
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pymongo
import pytest
import redis

ROOT = Path(__file__).resolve().parents[2]
PORT_BASE = 25500
DATABASES = ("coordination", "catalog", "inventory", "orders", "delivery")


class Site:
    """One run directory with its block of ports, seen through the command line."""

    def __init__(self, run_directory: Path, port_base: int) -> None:
        self.run_directory, self.port_base = run_directory, port_base

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `scripts/servers` without the URLs that this test run itself was given."""
        foreign = ("_URL", "FIELD_ENCRYPTION_KEY")
        inherited = {name: value for name, value in os.environ.items() if not name.endswith(foreign)}
        own = {"FIRST_VISCOUNT_RUN_DIR": str(self.run_directory), "FIRST_VISCOUNT_PORT_BASE": str(self.port_base)}
        command = [sys.executable, str(ROOT / "scripts" / "servers"), *arguments]
        return subprocess.run(command, env=inherited | own | variables, capture_output=True, text=True, timeout=200)

    def env(self) -> dict[str, str]:
        """The exported variables, read as a shell would read them."""
        lines = self.run("env").stdout.splitlines()
        assignments = [shlex.split(line) for line in lines]
        assert all(words[0] == "export" and len(words) == 2 for words in assignments), lines
        return dict(words[1].split("=", 1) for words in assignments)

    def status(self) -> dict[str, dict[str, Any]]:
        """`status --json` by server name."""
        return {row["name"]: row for row in json.loads(self.run("status", "--json").stdout)}


@pytest.fixture
def empty() -> Iterator[Site]:
    """A site in which nothing has been started; what the test starts is stopped and its data deleted."""
    directory = Path(tempfile.mkdtemp(prefix="servers-"))  # private to its owner: PostgreSQL's user cannot enter it
    site = Site(directory, PORT_BASE + 100)
    yield site
    assert site.run("reset").returncode == 0
    shutil.rmtree(directory)


def test_the_help_names_every_command() -> None:
    told = Site(Path("/nonexistent"), PORT_BASE).run("--help").stdout

    assert all(command in told for command in ("up", "down", "status", "env", "reset", "FIRST_VISCOUNT_PORT_BASE"))


def test_a_port_base_among_the_ephemeral_ports_is_refused(empty: Site) -> None:
    refused = Site(empty.run_directory, 40000).run("up", "--only", "redis")

    assert refused.returncode == 1
    assert "FIRST_VISCOUNT_PORT_BASE must be a whole number" in refused.stderr


def test_an_unknown_server_is_refused_with_the_names_there_are(empty: Site) -> None:
    refused = empty.run("up", "--only", "oracle")

    assert refused.returncode == 1
    assert "'oracle'" in refused.stderr
    assert "postgresql" in refused.stderr


def test_status_fails_while_nothing_is_up(empty: Site) -> None:
    assert empty.run("status").returncode == 1
    assert not any(row["answers"] for row in empty.status().values())


def test_credentials_are_kept_for_their_owner_alone(empty: Site) -> None:
    first, second = empty.env(), empty.env()

    assert first == second
    assert (empty.run_directory / "credentials.json").stat().st_mode & 0o777 == 0o600


def test_a_taken_port_is_told_with_its_holder_and_the_way_out(empty: Site) -> None:
    with closing(socket.create_server(("127.0.0.1", empty.port_base + 6))):
        refused = empty.run("up", "--only", "redis")

    assert refused.returncode == 1
    assert f"redis: port {empty.port_base + 6} is taken (process {os.getpid()} listens on it)" in refused.stderr
    assert "FIRST_VISCOUNT_PORT_BASE=" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert empty.status()["redis"]["pid"] is None


def test_a_given_url_that_does_not_answer_is_told_without_its_password(empty: Site) -> None:
    refused = empty.run("up", "--only", "redis", REDIS_URL="redis://:hidden@127.0.0.1:9/0")

    assert refused.returncode == 1
    assert "REDIS_URL is set to redis://:***@127.0.0.1:9/0, which does not answer" in refused.stderr
    assert "hidden" not in refused.stderr


def test_a_recycled_process_id_is_not_taken_for_the_server(empty: Site) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        place = empty.run_directory / "redis"
        place.mkdir()
        record = {"pid": stranger.pid, "birth": "1", "since": "2026-01-01T00:00:00+00:00", "port": empty.port_base + 6}
        (place / "process.json").write_text(json.dumps(record))

        assert empty.run("down").returncode == 0

        assert stranger.poll() is None
        stranger.terminate()


def test_postgresql_works_where_its_user_cannot_enter_the_run_directory(empty: Site) -> None:
    started = empty.run("up", "--only", "postgres")

    assert started.returncode == 0, started.stderr
    with psycopg.connect(empty.env()["CATALOG_DATABASE_URL"]) as connection:
        assert connection.execute("SELECT '1.2'::ltree @> '1.2.3'").fetchone() == (True,)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """All servers up; afterwards stopped and their data deleted, with nothing left behind."""
    directory = Path(tempfile.mkdtemp(prefix="servers-"))
    directory.chmod(0o755)
    site = Site(directory, PORT_BASE)
    started = site.run("up")
    try:
        assert started.returncode == 0, started.stderr
        yield site
    finally:
        ended = site.run("reset")
    assert ended.returncode == 0, ended.stderr
    assert {path.suffix for path in directory.iterdir()} <= {".lock"}
    shutil.rmtree(directory)


def test_every_server_answers_after_up(site: Site) -> None:
    status = site.status()

    assert all(row["answers"] and row["pid"] and row["since"] for row in status.values()), status
    assert {"rabbitmq", "postgresql", "redis", "mongodb", "mail-catcher", "stripe", "carrier"} < status.keys()
    assert "yes" in site.run("status").stdout


def test_every_server_listens_on_loopback_only(site: Site) -> None:
    ours = {format(port, "04X") for port in range(site.port_base, site.port_base + 20)}
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()]
    addresses = {row[1].rpartition(":")[0] for row in rows if row[3] == "0A" and row[1].rpartition(":")[2] in ours}

    loopback = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
    assert addresses
    assert addresses <= loopback


def test_up_again_changes_nothing_and_takes_less_than_two_seconds(site: Site) -> None:
    before = {name: row["pid"] for name, row in site.status().items()}
    began = time.monotonic()

    again = site.run("up")

    assert time.monotonic() - began < 2
    assert again.returncode == 0, again.stderr
    assert before == {name: row["pid"] for name, row in site.status().items()}


@pytest.mark.parametrize("role", DATABASES)
def test_a_role_connects_to_its_own_database_and_to_no_other(site: Site, role: str) -> None:
    url = urlsplit(site.env()[f"{role.upper()}_DATABASE_URL"])

    with psycopg.connect(urlunsplit(url)) as connection:
        connection.execute("CREATE TABLE proof (id int)")
    for other in {*DATABASES, "postgres", "template1"} - {role}:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(urlunsplit(url._replace(path=f"/{other}")))


def test_mongodb_keeps_transactions(site: Site) -> None:
    client: pymongo.MongoClient[dict[str, Any]]
    with pymongo.MongoClient(site.env()["NOTIFICATIONS_DATABASE_URL"]) as client, client.start_session() as session:
        letters: pymongo.collection.Collection[dict[str, Any]] = client.get_default_database()["letters"]
        session.start_transaction()
        letters.insert_one({"_id": 1}, session=session)
        session.abort_transaction()

        assert letters.count_documents({}) == 0


def test_caught_mail_is_a_file_with_its_envelope(site: Site) -> None:
    with smtplib.SMTP("127.0.0.1", urlsplit(site.env()["SMTP_URL"]).port or 0) as client:
        client.sendmail("shop@example.test", ["ann@example.test"], "Subject: Shipped\r\n\r\nOn its way.\r\n")

    [letter] = (site.run_directory / "mail" / "new").iterdir()
    assert letter.read_text().splitlines()[:3] == [
        "X-Envelope-From: shop@example.test",
        "X-Envelope-To: ann@example.test",
        "Subject: Shipped",
    ]


def test_a_given_url_is_used_as_it_is(site: Site, empty: Site) -> None:
    theirs = site.env()["REDIS_URL"]

    used = empty.run("up", "--only", "redis", REDIS_URL=theirs)

    assert used.returncode == 0, used.stderr
    assert "REDIS_URL        using yours at redis://:***@127.0.0.1" in used.stderr
    assert empty.status()["redis"]["pid"] is None
    exported = empty.run("env", REDIS_URL=theirs).stdout
    assert f"export REDIS_URL={theirs}\n" in exported


def test_the_servers_own_exported_urls_are_not_taken_for_anothers(site: Site) -> None:
    again = site.run("up", "--only", "redis", REDIS_URL=site.env()["REDIS_URL"])

    assert "was up already" in again.stderr
    assert "yours" not in again.stderr


def test_one_server_stopped_alone_comes_back_with_its_address(site: Site) -> None:
    url = site.env()["REDIS_URL"]
    assert site.run("down", "--only", "redis").returncode == 0
    with pytest.raises(redis.ConnectionError):
        redis.Redis.from_url(url).ping()
    assert [name for name, row in site.status().items() if not row["answers"]] == ["redis"]

    assert site.run("up", "--only", "redis").returncode == 0

    assert redis.Redis.from_url(url).ping()


def test_mongodb_comes_back_with_its_data_at_another_port(site: Site) -> None:
    def letters(of: Site) -> "pymongo.collection.Collection[dict[str, Any]]":
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(of.env()["NOTIFICATIONS_DATABASE_URL"])
        return client.get_default_database()["moved"]

    letters(site).insert_one({"_id": 1})
    assert site.run("down", "--only", "mongodb").returncode == 0

    moved = Site(site.run_directory, PORT_BASE + 200)
    started = moved.run("up", "--only", "mongodb")
    try:
        assert started.returncode == 0, started.stderr
        assert letters(moved).count_documents({"_id": 1}) == 1
    finally:
        assert moved.run("down", "--only", "mongodb").returncode == 0
        assert site.run("up", "--only", "mongodb").returncode == 0
