"""The URLs of the databases: what is missing or wrong is told, and a password never."""

import pytest

from persistence import migrations
from persistence.databases import DatabaseUrlError, address, database_url, url_variable


def test_a_missing_url_is_told_with_the_variable_and_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CATALOG_DATABASE_URL")

    with pytest.raises(DatabaseUrlError, match=r"CATALOG_DATABASE_URL is not set.*scripts/servers env"):
        database_url("catalog")


@pytest.mark.parametrize("url", ["no url secret", "mysql://user:secret@127.0.0.1/x", "postgresql://u:secret@h:port/x"])
def test_a_url_of_something_else_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("CATALOG_DATABASE_URL", url)

    with pytest.raises(DatabaseUrlError, match="CATALOG_DATABASE_URL") as refusal:
        database_url("catalog")

    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("context", migrations.CONTEXTS)
def test_an_address_for_messages_holds_no_password(context: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scheme = "mongodb" if context == "notifications" else "postgresql"
    monkeypatch.setenv(url_variable(context), f"{scheme}://someone:secret@127.0.0.1:4711/store")

    assert address(context) == "127.0.0.1:4711/store"
