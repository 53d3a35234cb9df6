"""The variables by which the platform finds its servers."""

import os
import re
from urllib.parse import urlsplit, urlunsplit

from local_servers import credentials, places

HOST = "127.0.0.1"
CONTEXTS = ("coordination", "catalog", "inventory", "orders", "delivery")
"""The bounded contexts that own a PostgreSQL database; database and role bear the context's name."""

MANAGEMENT = "RABBITMQ_MANAGEMENT_URL"
STRIPE_KEY = "sk_test_first_viscount"


def private() -> dict[str, str]:
    """The URLs and keys of the private servers, by variable."""
    secret = credentials.load()
    return {
        "RABBITMQ_URL": f"amqp://first_viscount:{secret['rabbitmq']}@{at('rabbitmq')}/first_viscount",
        MANAGEMENT: f"http://first_viscount:{secret['rabbitmq']}@{at('rabbitmq-management')}",
        "REDIS_URL": f"redis://:{secret['redis']}@{at('redis')}/0",
        **{database_variable(name): _postgresql(name, secret[name], name) for name in CONTEXTS},
        "NOTIFICATIONS_DATABASE_URL": f"mongodb://{at('mongodb')}/notifications?replicaSet=rs0&directConnection=true",
        "SMTP_URL": f"smtp://{at('mail-catcher')}",
        "PAYMENT_GATEWAY_URL": f"sandbox+http://{at('payment-gateway')}",
        "STRIPE_GATEWAY_URL": f"stripe+http://{STRIPE_KEY}@{at('stripe')}",
        "CARRIER_URL": f"http://{at('carrier')}",
        "FIELD_ENCRYPTION_KEY": secret["field_encryption_key"],
    }


def given() -> dict[str, str]:
    """What the caller's environment sets to servers or keys of its own.

    A URL with a private server's address is not one of them, whatever its password: it comes from an earlier
    `scripts/servers env`.
    """
    return {
        name: os.environ[name]
        for name, own in private().items()
        if os.environ.get(name) and not _same_address(os.environ[name], own)
    }


def merged() -> dict[str, str]:
    """What the platform shall use: the caller's own, else the private server's."""
    own, theirs = private(), given()
    if "RABBITMQ_URL" in theirs:
        del own[MANAGEMENT]  # it would be another broker's
    return own | theirs


def superuser_url() -> str:
    """The private PostgreSQL's superuser, connected to the database `postgres`."""
    return _postgresql("postgres", credentials.load()["postgresql_superuser"], "postgres")


def database_variable(context: str) -> str:
    """The variable that holds the URL of a context's database."""
    return f"{context.upper()}_DATABASE_URL"


def at(name: str) -> str:
    """A private server's address, host:port."""
    return f"{HOST}:{places.port(name)}"


def masked(url: str) -> str:
    """The URL without its password or key, fit to be shown."""
    parts = urlsplit(url)
    user, separator, hosts = parts.netloc.rpartition("@")
    shown = "***" if parts.scheme.startswith("stripe") else re.sub(":.*", ":***", user)
    query = re.sub(r"(?i)((?:password|secret|key|token)=)[^&]*", r"\1***", parts.query)
    return urlunsplit(parts._replace(netloc=shown + separator + hosts if separator else hosts, query=query))


def _postgresql(role: str, password: str, database: str) -> str:
    return f"postgresql://{role}:{password}@{at('postgresql')}/{database}"


def _same_address(url: str, own: str) -> bool:
    if "://" not in own:
        return url == own
    address = urlsplit(url).netloc.rpartition("@")[2].replace("localhost", HOST)
    return address == urlsplit(own).netloc.rpartition("@")[2]
