"""What notifications can be asked. It tells the other contexts nothing."""

from typing import Any
from uuid import UUID

from contexts.messages import Command


class PutTemplate(Command):
    """Add a version of a template, and make it the one in use. Variables are those the template may not lack."""

    template_id: UUID
    name: str
    channel: str
    version: int
    subject: str
    body: str
    variables: tuple[str, ...]


class PutPreferences(Command):
    """Say how a customer wants to be reached; `channels` and `subscriptions` as in the preferences collection."""

    customer_id: UUID
    channels: dict[str, Any]
    subscriptions: dict[str, bool]
    timezone: str = "UTC"
    language: str = "en"
