"""Where a provider is: `provider+http(s)://KEY@host:port`."""

import os
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit


class InvalidAddress(ValueError):
    """Raised for an address of a provider that is missing or that cannot be used; never shows the key."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A provider's kind, the URL of its server without a path, and the key that opens it, if any."""

    provider: str
    url: str
    key: str | None = field(default=None, repr=False)


def server_address(url: str) -> ServerAddress:
    """Take an address apart; raises `InvalidAddress` when it has not that form."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise InvalidAddress("the address is not a URL, or its port is not a number up to 65535") from None
    provider, plus, transport = parts.scheme.partition("+")
    if not plus or transport not in ("http", "https") or not parts.hostname:
        raise InvalidAddress(f"an address reads provider+http://host:port, this one begins with {parts.scheme!r}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return ServerAddress(provider, f"{transport}://{host}{port}", unquote(parts.username) if parts.username else None)


def address_in_environment(variable: str) -> str:
    """Return the value of an environment variable; raises `InvalidAddress` naming it when it is not set."""
    url = os.environ.get(variable)
    if not url:
        raise InvalidAddress(f"{variable} is not set: `scripts/servers env` prints it")
    return url
