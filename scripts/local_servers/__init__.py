"""The private servers that First Viscount runs on while it is developed, tested and shown.

`scripts/servers` brings them up and down. Other scripts ask here for the addresses, for which no server need be up.
"""

from pathlib import Path


def environment() -> dict[str, str]:
    """Every variable of `scripts/servers env`, by name; what the caller sets to servers of its own stays as it is."""
    from local_servers import variables

    return variables.merged()


def postgresql_superuser_url() -> str:
    """The private PostgreSQL's superuser, for benchmarks and tests; never part of `environment()`."""
    from local_servers import variables

    return variables.superuser_url()


def maildir() -> Path:
    """The Maildir in which the mail catcher keeps every message it received, each a file in `new/`."""
    from local_servers import places

    return places.maildir()
