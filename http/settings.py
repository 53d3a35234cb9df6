"""What the front door must be told by its environment."""

import os

from persistence.amqp import connection_parameters
from persistence.read_models import RedisUrlError, redis_url


class SettingsError(Exception):
    """Raised when a URL is missing or is none; the message is one sentence for the one who starts the process."""


def rabbitmq_url() -> str:
    """Return RABBITMQ_URL; raises `SettingsError`. REDIS_URL is checked too: the read models take it themselves."""
    try:
        redis_url()
    except RedisUrlError as error:
        raise SettingsError(str(error)) from error
    url = os.environ.get("RABBITMQ_URL", "").strip()
    if not url:
        raise SettingsError('RABBITMQ_URL is not set: run eval "$(scripts/servers env)", which prints it, or set it')
    try:
        connection_parameters(url, "front_door")
    except (ValueError, TypeError) as error:
        raise SettingsError(f"RABBITMQ_URL is not an AMQP URL ({error})") from error
    return url
