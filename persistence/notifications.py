"""Templates, preferences and notifications in MongoDB: read set-wise, changed in memory, written set-wise.

An ObjectId has the first twelve bytes of the UUID that the domain knows a template by; the rest is read back as zeros.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from bson import ObjectId
from pymongo import InsertOne, UpdateMany, UpdateOne

from contexts.messages import Message
from contexts.notifications.mail import MailRequest
from contexts.notifications.messages import PutPreferences, PutTemplate
from contexts.notifications.model import Notification, Notifications, Preferences, Status, Template
from contexts.notifications.occasions import notification_key, occasion_of
from contexts.orders.messages import OrderClosed
from persistence.collections import Document
from persistence.mongo_store import MongoConnection, Operation


class NotificationCollections(Notifications):
    """What a batch of messages is about, within one transaction.

    Nothing is locked: of two transactions that change the same document MongoDB aborts one, which is then repeated.
    """

    def __init__(self, connection: MongoConnection) -> None:
        super().__init__()
        self._connection = connection
        self._stored_templates: dict[tuple[str, str, int], Template] = {}
        self._stored_preferences: dict[UUID, Preferences] = {}
        self._stored_notifications: dict[str, Notification] = {}
        self._unwritten: list[OrderClosed] = []

    def prefetch(self, messages: Sequence[Message]) -> None:
        """Load the notifications that the messages are about, and the preferences and templates that they put."""
        self._unwritten = [message for message in messages if isinstance(message, OrderClosed)]
        self._load_notifications({notification_key(event) for event in self._unwritten})
        self._load_preferences({message.customer_id for message in messages if isinstance(message, PutPreferences)})
        self._load_templates({message.name for message in messages if isinstance(message, PutTemplate)}, set())

    def begin(self, event: OrderClosed) -> MailRequest | None:
        """Record an attempt. With the first come the preferences and templates of all: to conclude takes none."""
        if self._unwritten:
            self._load_preferences({closed.customer_id for closed in self._unwritten})
            self._load_templates(set(), {occasion_of(closed).template for closed in self._unwritten})
            self._unwritten = []
        return super().begin(event)

    def flush(self) -> None:
        """Insert what is new, update what was changed. Raises `OvertakenError` if another did so in the meantime."""
        now = datetime.now(UTC)
        templates = _changed(self._stored_templates, self.templates)
        # A new version comes into use after the earlier ones went out of use: one order of writes for all.
        templates.sort(key=lambda template: (template.name, template.channel, template.version))
        self._connection.write("templates", [_template_write(template, now) for template in templates])
        preferences = _changed(self._stored_preferences, self.preferences)
        self._connection.write("preferences", [_preferences_write(one, now) for one in preferences])
        changed = sorted(_changed(self._stored_notifications, self.notifications), key=lambda one: one.key)
        known = [one for one in changed if one.key in self._stored_notifications]
        new = [one for one in changed if one.key not in self._stored_notifications]
        inserts = [InsertOne(_notification_document(one, now)) for one in new]
        self._connection.write("notifications", [*inserts, *_progress_writes(known, now)])

    def _load_notifications(self, keys: set[str]) -> None:
        if keys:
            for document in self._connection.find("notifications", {"key": {"$in": sorted(keys)}}):
                notification = _notification(document)
                self._stored_notifications[notification.key] = notification
                self.notifications.setdefault(notification.key, notification)

    def _load_preferences(self, customers: set[UUID]) -> None:
        if customers:
            wanted = {"customer_id": {"$in": sorted(map(str, customers))}}
            for document in self._connection.find("preferences", wanted):
                preferences = _preferences(document)
                self._stored_preferences[preferences.customer_id] = preferences
                self.preferences.setdefault(preferences.customer_id, preferences)

    def _load_templates(self, put: set[str], used: set[str]) -> None:
        """Load all versions of the templates that are put, and of those that are used only the one in use."""
        self._find_templates(used - put, {"active": True})
        # Where none is in use: was it switched off, or never written?
        self._find_templates((put | used) - {name for name, _, _ in self.templates}, {})

    def _find_templates(self, names: Iterable[str], condition: Document) -> None:
        if wanted := sorted(names):
            for document in self._connection.find("templates", {"name": {"$in": wanted}} | condition):
                template = _template(document)
                key = template.name, template.channel, template.version
                self._stored_templates[key] = template
                self.templates.setdefault(key, template)


def _changed(stored: dict[Any, Any], current: dict[Any, Any]) -> list[Any]:
    return [value for key, value in current.items() if stored.get(key) != value]


def _template(document: Document) -> Template:
    return Template(
        UUID(bytes=document["_id"].binary + bytes(4)),
        document["name"],
        document["channel"],
        document["version"],
        document.get("subject") or "",
        document["body"],
        tuple(document["variables"]),
        document["active"],
    )


def _object_id(identity: UUID) -> ObjectId:
    return ObjectId(identity.bytes[:12])


def _template_write(template: Template, now: datetime) -> Operation:
    key = {"name": template.name, "channel": template.channel, "version": template.version}
    content = {
        "subject": template.subject,
        "body": template.body,
        "variables": list(template.variables),
        "active": template.active,
        "updated_at": now,
    }
    first = {"_id": _object_id(template.id), "created_at": now}
    return UpdateOne(key, {"$set": content, "$setOnInsert": first}, upsert=True)


def _preferences(document: Document) -> Preferences:
    return Preferences(
        UUID(document["customer_id"]),
        document["channels"],
        document["subscriptions"],
        document.get("timezone", "UTC"),
        document.get("language", "en"),
    )


def _preferences_write(preferences: Preferences, now: datetime) -> Operation:
    content = {
        "channels": preferences.channels,
        "subscriptions": preferences.subscriptions,
        "timezone": preferences.timezone,
        "language": preferences.language,
        "updated_at": now,
    }
    return UpdateOne({"customer_id": str(preferences.customer_id)}, {"$set": content}, upsert=True)


def _notification(document: Document) -> Notification:
    recipient, template = document["recipient"], document.get("template_id")
    return Notification(
        document["key"],
        document["metadata"]["event_type"],
        UUID(document["metadata"]["order_id"]),
        UUID(recipient["customer_id"]),
        recipient["address"],
        document["context"],
        Status(document["status"]),
        document["attempts"],
        document.get("last_error"),
        UUID(bytes=template.binary + bytes(4)) if template else None,
        document["created_at"],
        document.get("sent_at"),
        recipient["type"],
    )


def _progress_writes(notifications: Sequence[Notification], now: datetime) -> list[Operation]:
    """Update at once all that have come equally far: mostly the whole batch, at two thirds of MongoDB's work."""
    keys_by_progress: dict[tuple[tuple[str, Any], ...], list[str]] = {}
    for one in notifications:
        keys_by_progress.setdefault(tuple(_progress(one, now).items()), []).append(one.key)
    return [UpdateMany({"key": {"$in": keys}}, {"$set": dict(progress)}) for progress, keys in keys_by_progress.items()]


def _progress(notification: Notification, now: datetime) -> Document:
    """What changes about a notification."""
    return {
        "template_id": _object_id(notification.template_id) if notification.template_id else None,
        "status": notification.status.value,
        "attempts": notification.attempts,
        "last_error": notification.last_error,
        "sent_at": notification.sent_at and _in_milliseconds(notification.sent_at),
        "updated_at": now,
    }


def _in_milliseconds(time: datetime) -> datetime:
    """Round down as BSON does, so that times which it keeps as one are one here."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _notification_document(notification: Notification, now: datetime) -> Document:
    return {
        "key": notification.key,
        "message_id": notification.message_id,
        "recipient": {
            "type": notification.channel,
            "address": notification.address,
            "customer_id": str(notification.customer_id),
        },
        "context": notification.context,
        "created_at": notification.created_at,
        "metadata": {"order_id": str(notification.order_id), "event_type": notification.event_type},
    } | _progress(notification, now)
