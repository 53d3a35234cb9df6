"""The mail port over SMTP: what is written elsewhere goes over connections that are kept from one call to the next."""

import os
import smtplib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import formatdate
from functools import cache
from time import monotonic
from urllib.parse import unquote, urlsplit

from actors.gateways.addresses import InvalidAddress, address_in_environment
from actors.gateways.mail_content import MailWriter
from actors.gateways.smtp_connection import SmtpConnection, SmtpServer, reason_of
from contexts.notifications.mail import Bounced, MailRequest, Outcome, Unknown

#: Who the shop's mail comes from, where MAIL_FROM does not say otherwise.
DEFAULT_SENDER = "shop@firstviscount.example"

#: Connections that one call may use up.
_MOST_CONNECTIONS = 2

#: Seconds that an unused connection is trusted: servers, and what stands between, forget it some time after.
_KEPT_SECONDS = 30


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
        self._writer = MailWriter(Address("First Viscount", addr_spec=self._sender.addr_spec))
        self._timeout_seconds = timeout_seconds
        self._kept: list[tuple[float, SmtpConnection]] = []

    def perform(self, requests: Sequence[MailRequest]) -> Sequence[Outcome]:
        """Send each mail; raises nothing for what one mail meets.

        The server may drop the connection once, over a mail that it cannot bear, without harm to those after it; what
        is left after a second time is `Unknown`, so that a dying server is not waited for once a mail.
        """
        outcomes: list[Outcome] = []
        reason, date = "the mail server dropped the connection before this mail", formatdate(localtime=True)
        for _ in range(_MOST_CONNECTIONS):
            if len(outcomes) == len(requests):
                break
            try:
                with self._connection() as connection:
                    while len(outcomes) < len(requests) and connection.is_open:
                        outcomes.append(self._send(connection, requests[len(outcomes)], date))
            except (smtplib.SMTPException, OSError) as fault:
                reason = f"the mail server cannot be used: {reason_of(fault)}"
                break
        return outcomes + [Unknown(reason)] * (len(requests) - len(outcomes))

    def _send(self, connection: SmtpConnection, request: MailRequest, date: str) -> Outcome:
        try:
            mail = self._writer.write(request, date)
        except (ValueError, IndexError, MessageError) as error:
            return Bounced(f"this mail cannot be written: {error}")
        return connection.send(mail)

    @contextmanager
    def _connection(self) -> Iterator[SmtpConnection]:
        """Give out a connection, and keep it afterwards if it is still good for a mail."""
        connection = self._silent() or SmtpConnection(self._server, self._sender.domain, self._timeout_seconds)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if connection.is_open:
            self._kept.append((monotonic(), connection))

    def _silent(self) -> SmtpConnection | None:
        """Return the connection used last; those that are too old, or that the server closed, are closed here, too."""
        with suppress(IndexError):  # none is left, or another thread was faster
            while True:
                since, connection = self._kept.pop()
                if monotonic() - since < _KEPT_SECONDS and connection.is_silent:
                    return connection
                connection.close()
        return None


def _mailbox(address: str) -> Address:
    try:
        return Address(addr_spec=address)
    except (ValueError, IndexError, MessageError):
        raise InvalidAddress(f"MAIL_FROM is not an e-mail address: {address!r}") from None


@cache
def mail_from_environment() -> Callable[[Sequence[MailRequest]], Sequence[Outcome]]:
    """Return what sends mail by SMTP_URL and MAIL_FROM, made once a process; raises `InvalidAddress`."""
    server = smtp_server(address_in_environment("SMTP_URL"))
    return SmtpMail(server, os.environ.get("MAIL_FROM", DEFAULT_SENDER)).perform
