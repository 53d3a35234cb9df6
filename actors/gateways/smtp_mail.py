"""The mail port over SMTP (RFC 5321), by the standard library's client."""

import os
import smtplib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address, BaseHeader, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import localtime
from functools import cache, lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from actors.gateways.addresses import InvalidAddress, address_in_environment
from contexts.notifications.mail import Bounced, MailRequest, Outcome, Sent, Unknown

#: Who the shop's mail comes from, where MAIL_FROM does not say otherwise.
DEFAULT_SENDER = "shop@firstviscount.example"

#: Connections that one call may use up.
_MOST_CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where a mail server is, and who may use it, if it wants to know."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)


def smtp_server(url: str) -> SmtpServer:
    """Take `smtp://[user:password@]host[:port]` apart; raises `InvalidAddress`, which never shows the password."""
    try:
        parts = urlsplit(url)
        port = parts.port or smtplib.SMTP_PORT
    except ValueError:
        raise InvalidAddress("SMTP_URL is not a URL, or its port is not a number up to 65535") from None
    if parts.scheme != "smtp" or not parts.hostname:
        raise InvalidAddress(f"SMTP_URL reads smtp://host:port, this one begins with {parts.scheme!r}")
    return SmtpServer(parts.hostname, port, unquote(parts.username or ""), unquote(parts.password or ""))


class SmtpMail:
    """A `Mail`: all mails of a call over one connection, opened anew where the server drops it. Thread-safe."""

    def __init__(self, server: SmtpServer, sender: str = DEFAULT_SENDER, timeout_seconds: float = 10) -> None:
        self._server = server
        self._sender = _mailbox(sender)
        self._from = _POLICY.header_factory("From", Address("First Viscount", addr_spec=self._sender.addr_spec))
        self._timeout_seconds = timeout_seconds

    def perform(self, requests: Sequence[MailRequest]) -> Sequence[Outcome]:
        """Send each mail; raises nothing for what one mail meets.

        The server may drop the connection once, over a mail that it cannot bear, without harm to those after it; what
        is left after a second time is `Unknown`, so that a dying server is not waited for once a mail.
        """
        outcomes: list[Outcome] = []
        reason = "the mail server dropped the connection before this mail"
        for _ in range(_MOST_CONNECTIONS):
            if len(outcomes) == len(requests):
                break
            try:
                connection = self._connect()
            except (smtplib.SMTPException, OSError) as fault:
                reason = f"the mail server cannot be used: {_reason(fault)}"
                break
            self._send(connection, requests, outcomes)
        return outcomes + [Unknown(reason)] * (len(requests) - len(outcomes))

    def _connect(self) -> smtplib.SMTP:
        # The name for HELO is given, since the client would look its own up in the DNS, which may take seconds.
        name, server = self._sender.domain, self._server
        connection = smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=self._timeout_seconds)
        try:
            if server.user:
                connection.login(server.user, server.password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _send(self, connection: smtplib.SMTP, requests: Sequence[MailRequest], outcomes: list[Outcome]) -> None:
        """Send what has no outcome yet, until the connection is lost."""
        try:
            while len(outcomes) < len(requests) and connection.sock is not None:
                outcomes.append(self._send_one(connection, requests[len(outcomes)]))
            if connection.sock is not None:
                # Each mail has its answer: how the server takes the farewell changes nothing.
                with suppress(smtplib.SMTPException, OSError):
                    connection.quit()
        finally:
            connection.close()

    def _send_one(self, connection: smtplib.SMTP, request: MailRequest) -> Outcome:
        try:
            connection.send_message(_message(self._from, request), self._sender.addr_spec, [request.recipient])
        except (ValueError, IndexError, MessageError) as error:
            return Bounced(f"this mail cannot be written: {error}")
        except smtplib.SMTPNotSupportedError as refusal:
            return Bounced(str(refusal))
        except smtplib.SMTPRecipientsRefused as refusal:
            return _refused(*refusal.recipients[request.recipient])
        except smtplib.SMTPDataError as refusal:
            return _refused(refusal.smtp_code, refusal.smtp_error)
        except smtplib.SMTPResponseException as refusal:
            # The sender or the session is refused, not this mail: mail waits until the operator has mended that.
            return Unknown(f"the mail server refuses the shop: {_reason(refusal)}")
        except (smtplib.SMTPException, OSError) as fault:
            connection.close()
            return Unknown(_reason(fault))
        return Sent()


def _refused(code: int, text: bytes | str) -> Outcome:
    """Tell a refusal for good (5yz) from one for now (4yz): RFC 5321, section 4.2.1."""
    reason = _answer(code, text)
    return Bounced(reason) if 500 <= code <= 599 else Unknown(reason)


def _answer(code: int, text: bytes | str) -> str:
    return f"{code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"


def _reason(fault: Exception) -> str:
    if isinstance(fault, smtplib.SMTPResponseException):
        return _answer(fault.smtp_code, fault.smtp_error)
    return str(fault) or type(fault).__name__


def _mailbox(address: str) -> Address:
    try:
        return Address(addr_spec=address)
    except (ValueError, IndexError, MessageError):
        raise InvalidAddress(f"MAIL_FROM is not an e-mail address: {address!r}") from None


class _Headers(HeaderRegistry):
    """The standard library's headers, at a third of their price.

    It makes a class anew for every header, and takes each one apart, even those that are the same in every mail.
    """

    _SAME_IN_EVERY_MAIL = frozenset({"auto-submitted", "mime-version", "content-type", "content-transfer-encoding"})

    def __init__(self) -> None:
        super().__init__()
        self._class_of = cache(super().__getitem__)
        self._parsed = lru_cache(64)(super().__call__)

    def __getitem__(self, name: str) -> Any:
        """Return the class of a header."""
        return self._class_of(name)

    def __call__(self, name: str, value: Any) -> Any:
        """Return a header; it is immutable, so one object serves many mails."""
        constant = name.lower() in self._SAME_IN_EVERY_MAIL and "boundary=" not in value
        return self._parsed(name, value) if constant else super().__call__(name, value)


_POLICY = WIRE.clone(header_factory=_Headers())


def _message(sender: BaseHeader, request: MailRequest) -> EmailMessage:
    message = EmailMessage(policy=_POLICY)
    message["Message-ID"] = request.message_id
    message["Date"] = localtime()
    message["From"] = sender
    message["To"] = Address(addr_spec=request.recipient)
    message["Subject"] = request.subject
    message["X-Order-Id"] = str(request.order_id)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers to a shop
    message.set_content(request.text)
    message.add_alternative(request.html, subtype="html")
    # Chosen by the library, it would be looked for in both texts, by a pattern that is compiled for each mail.
    message.set_boundary(f"={uuid4().hex}=")
    return message


@cache
def mail_from_environment() -> Callable[[Sequence[MailRequest]], Sequence[Outcome]]:
    """Return what sends mail by SMTP_URL and MAIL_FROM, made once a process; raises `InvalidAddress`."""
    server = smtp_server(address_in_environment("SMTP_URL"))
    return SmtpMail(server, os.environ.get("MAIL_FROM", DEFAULT_SENDER)).perform
