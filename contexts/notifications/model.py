"""Notifications: what a customer is told, in whose words, and whether the customer wants to hear it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Self
from uuid import NAMESPACE_OID, UUID

import jinja2
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from contexts.identity import named
from contexts.notifications.mail import (
    EMAIL,
    Bounced,
    MailRequest,
    Outcome,
    Sent,
    Unknown,
    default_templates,
    mail_context,
)
from contexts.notifications.messages import PutPreferences, PutTemplate
from contexts.notifications.occasions import notification_key, occasion_of
from contexts.orders.messages import OrderClosed

_MAIL_DOMAIN = "firstviscount.example"


class RenderError(Exception):
    """Raised when a template cannot be rendered: it is broken, or a variable is missing."""


class NoTemplateError(Exception):
    """Raised when all versions of a template that a mail needs were switched off."""


class PreferencesError(ValueError):
    """Raised for preferences that do not say how to reach a customer."""


class Status(StrEnum):
    """PENDING -> SENDING -> SENT or FAILED; SUPPRESSED is what the customer does not want to hear."""

    PENDING = "PENDING"
    SENDING = "SENDING"
    SENT = "SENT"
    FAILED = "FAILED"
    SUPPRESSED = "SUPPRESSED"


# Operators write templates: a template can neither reach into the process nor change what it is given.
_ENVIRONMENTS = {
    html: ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=html) for html in (False, True)
}

_BUILT_IN = set(_ENVIRONMENTS[True].globals)


def _parsed(source: str) -> jinja2.nodes.Template:
    return _ENVIRONMENTS[True].parse(source)


@lru_cache(maxsize=256)
def _compiled(source: str, html: bool) -> jinja2.Template:
    return _ENVIRONMENTS[html].from_string(source)


@dataclass(frozen=True, slots=True)
class Template:
    """One version of a mail's words, in Jinja; `body` is HTML. The highest version is the one in use."""

    id: UUID
    name: str
    channel: str
    version: int
    subject: str
    body: str
    variables: tuple[str, ...]
    active: bool = True

    @classmethod
    def of(cls, command: PutTemplate) -> Self:
        """Return the template asked for; raises `RenderError` if it is broken or uses what it does not declare."""
        fields = command.model_dump()
        template = cls(fields.pop("template_id"), **fields)
        try:
            used = [find_undeclared_variables(_parsed(text)) for text in (template.subject, template.body)]
        except jinja2.TemplateError as error:
            raise RenderError(f"{template}: {error}") from error
        template._require(set().union(*used) - _BUILT_IN, template.variables, "uses, but does not declare")
        return template

    def render(self, context: Mapping[str, Any]) -> tuple[str, str]:
        """Return the subject, in one line, and the HTML; raises `RenderError`."""
        self._require(set(self.variables), context, "was not given")
        try:
            subject = _compiled(self.subject, False).render(context)
            return " ".join(subject.split()), _compiled(self.body, True).render(context)
        except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise RenderError(f"{self}: {error}") from error

    def _require(self, needed: set[str], given: Sequence[str] | Mapping[str, Any], what: str) -> None:
        if missing := sorted(needed.difference(given)):
            raise RenderError(f"{self} {what} {', '.join(missing)}")

    def __str__(self) -> str:
        return f"template {self.name} ({self.channel}, version {self.version})"


@dataclass(frozen=True, slots=True)
class Preferences:
    """How a customer wants to be reached. Who said nothing gets mail at the address that was given with the order."""

    customer_id: UUID
    channels: Mapping[str, Any] = field(default_factory=dict)
    subscriptions: Mapping[str, bool] = field(default_factory=dict)
    timezone: str = "UTC"
    language: str = "en"

    @classmethod
    def of(cls, command: PutPreferences) -> Self:
        """Return the preferences asked for; raises `PreferencesError`."""
        for name, channel in command.channels.items():
            if not isinstance(channel, dict) or not isinstance(channel.get("enabled"), bool):
                raise PreferencesError(f"channel {name!r} must say whether it is enabled")
        address = command.channels.get(EMAIL, {}).get("address")
        if address is not None and not (isinstance(address, str) and re.fullmatch(r"[^@\s]+@[^@\s]+", address)):
            raise PreferencesError("the address of channel 'email' is not an e-mail address")
        return cls(command.customer_id, command.channels, command.subscriptions, command.timezone, command.language)

    @property
    def wants_order_mail(self) -> bool:
        """Whether mails about orders are welcome."""
        return bool(self.subscriptions.get("order_updates", True) and self._email.get("enabled", True))

    def address(self, given: str) -> str:
        """Return where mail goes: the preferred address, else the one given with the order."""
        return self._email.get("address") or given

    @property
    def _email(self) -> Mapping[str, Any]:
        email: Mapping[str, Any] = self.channels.get(EMAIL, {})
        return email


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing told to one customer over one channel, once. `key` says which; what is final does not change."""

    key: str
    event_type: str
    order_id: UUID
    customer_id: UUID
    address: str
    context: Mapping[str, Any]
    status: Status = Status.PENDING
    attempts: int = 0
    last_error: str | None = None
    template_id: UUID | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    sent_at: datetime | None = None
    channel: str = EMAIL

    @classmethod
    def of(cls, event: OrderClosed, preferences: Preferences) -> Self:
        """Return what the event gives to tell: to be sent, or SUPPRESSED if the customer does not want it."""
        return cls(
            notification_key(event),
            occasion_of(event).event_type,
            event.order_id,
            event.customer_id,
            preferences.address(event.email),
            mail_context(event),
            Status.PENDING if preferences.wants_order_mail else Status.SUPPRESSED,
        )

    @property
    def message_id(self) -> str:
        """The Message-ID of every attempt."""
        return f"<{named(NAMESPACE_OID, self.key)}@{_MAIL_DOMAIN}>"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will be tried."""
        return self.status in (Status.SENT, Status.FAILED, Status.SUPPRESSED)

    def begun(self, template: Template) -> Self:
        """Record an attempt, before it is made."""
        return replace(self, status=Status.SENDING, attempts=self.attempts + 1, template_id=template.id)

    def concluded(self, outcome: Outcome | None) -> Self:
        """Record what became of an attempt; after an `Unknown` outcome it stays SENDING, to be tried again."""
        match outcome:
            case Sent() if not self.is_final:
                return replace(self, status=Status.SENT, last_error=None, sent_at=datetime.now(UTC))
            case Bounced(reason) if not self.is_final:
                return replace(self, status=Status.FAILED, last_error=reason)
            case Unknown(reason) if not self.is_final:
                return replace(self, last_error=reason)
        return self


class Notifications:
    """Templates, preferences and notifications of one transaction. In memory as it is; storage loads and writes it."""

    def __init__(self) -> None:
        self.templates: dict[tuple[str, str, int], Template] = {}
        self.preferences: dict[UUID, Preferences] = {}
        self.notifications: dict[str, Notification] = {}
        self._begun: set[str] = set()

    def put_template(self, command: PutTemplate) -> None:
        """Take a version of a template, in place of itself if it is there; raises `RenderError`.

        It is the one in use unless a later version is here already: commands may overtake each other.
        """
        new = Template.of(command)
        others = [other for other in self._versions(new.name, new.channel) if other.version != new.version]
        newest = all(other.version < new.version for other in others)
        for other in others if newest else ():
            self._keep(replace(other, active=False))
        known = self.templates.get((new.name, new.channel, new.version), new)
        self._keep(replace(new, id=known.id, active=newest))

    def put_preferences(self, command: PutPreferences) -> None:
        """Take a customer's preferences in place of earlier ones; raises `PreferencesError`."""
        self.preferences[command.customer_id] = Preferences.of(command)

    def begin(self, event: OrderClosed) -> MailRequest | None:
        """Record an attempt to tell of the event; return its mail, or None if it was told or is not wanted.

        Raises `RenderError` and `NoTemplateError`, having changed nothing.
        """
        preferences = self.preferences.get(event.customer_id, Preferences(event.customer_id))
        notification = self.notifications.get(notification_key(event)) or Notification.of(event, preferences)
        if notification.is_final or notification.key in self._begun:
            self.notifications.setdefault(notification.key, notification)
            return None
        template = self._in_use(occasion_of(event).template)
        subject, html = template.render(notification.context)
        self._begun.add(notification.key)
        self.notifications[notification.key] = notification.begun(template)
        return MailRequest(notification.message_id, notification.address, subject, html, event.order_id)

    def conclude(self, event: OrderClosed, outcome: Outcome | None) -> Notification:
        """Record what became of the attempt that `begin` recorded."""
        key = notification_key(event)
        self.notifications[key] = self.notifications[key].concluded(outcome)
        return self.notifications[key]

    def _in_use(self, name: str) -> Template:
        """Return the template in use; one that a shop never wrote is taken from the defaults, and kept from then on."""
        if not self._versions(name, EMAIL):
            for default in default_templates():
                if default.name == name:
                    self.put_template(default)
        active = [version for version in self._versions(name, EMAIL) if version.active]
        if not active:
            raise NoTemplateError(f"all versions of template {name} ({EMAIL}) are switched off")
        return max(active, key=lambda version: version.version)

    def _versions(self, name: str, channel: str) -> list[Template]:
        return [known for known in self.templates.values() if (known.name, known.channel) == (name, channel)]

    def _keep(self, template: Template) -> None:
        self.templates[template.name, template.channel, template.version] = template
