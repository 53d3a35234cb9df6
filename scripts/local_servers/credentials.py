"""Random passwords and keys of the private servers, kept in credentials.json that only its owner can read."""

import base64
import json
import os
import secrets
from pathlib import Path

from local_servers import places
from local_servers.errors import ServerError

PASSWORDS = (
    "rabbitmq",
    "redis",
    "postgresql_superuser",
    "coordination",
    "catalog",
    "inventory",
    "orders",
    "delivery",
)


def path() -> Path:
    """Where the credentials are kept."""
    return places.run_directory() / "credentials.json"


def load() -> dict[str, str]:
    """All credentials by name; drawn at random the first time.

    Raises ServerError if the file is there but damaged.
    """
    try:
        text = path().read_text()
    except FileNotFoundError:
        _create()
        text = path().read_text()
    try:
        found: dict[str, str] = json.loads(text)
        return {name: found[name] for name in (*PASSWORDS, "field_encryption_key")}
    except (ValueError, KeyError, TypeError):
        raise ServerError(f"{path()} is damaged. `scripts/servers reset` makes new servers with a new one.") from None


def _create() -> None:
    """Write the file whole, then give it its name; if another process was first, its file stays."""
    drawn = {name: secrets.token_hex(16) for name in PASSWORDS}
    drawn["field_encryption_key"] = f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    path().parent.mkdir(parents=True, exist_ok=True)
    draft = path().with_name(f"credentials.{os.getpid()}.{secrets.token_hex(4)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(drawn, file, indent=2)
    try:
        os.link(draft, path())
    except FileExistsError:
        pass
    finally:
        draft.unlink()
