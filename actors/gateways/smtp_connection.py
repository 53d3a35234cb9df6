"""A session with a mail server (RFC 5321), in as few round trips as it allows (RFC 2920); connecting is `smtplib`'s."""

import select
import smtplib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from actors.gateways.mail_content import WrittenMail
from contexts.notifications.mail import Bounced, Outcome, Sent, Unknown

Reply = tuple[int, bytes]

#: The replies that let a mail go on: to MAIL, RCPT and DATA.
_SENDER, _RECIPIENT, _CONTENT = _ACCEPTED = ({250}, {250, 251}, {354})

#: The server ends the session; and what is no reply at all, after which nobody knows which reply is to what.
_OVER = {421, -1}


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where a mail server is, and who may use it, if it wants to know."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)


class SmtpConnection:
    """One connection, logged in: takes one mail after another, until a fault or the server's 421 closes it."""

    def __init__(self, server: SmtpServer, name: str, timeout_seconds: float) -> None:
        """Connect; raises `SMTPException` and `OSError`.

        The client's name is given, since it would look its own up in the DNS, which may take seconds.
        """
        self._smtp = smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=timeout_seconds)
        try:
            self._smtp.ehlo_or_helo_if_needed()
            if server.user:
                self._smtp.login(server.user, server.password)
        except BaseException:
            self._smtp.close()
            raise

    @property
    def is_open(self) -> bool:
        """Whether it takes another mail."""
        return self._smtp.sock is not None

    @property
    def is_silent(self) -> bool:
        """Whether it is open and the server has said nothing since its last reply: neither farewell nor hang-up."""
        if self._smtp.sock is None:
            return False
        heard = select.poll()
        heard.register(self._smtp.sock, select.POLLIN)
        return not heard.poll(0)

    def send(self, mail: WrittenMail) -> Outcome:
        """Send a mail; a fault of the connection is its `Unknown` outcome, and closes the connection."""
        if mail.international and not self._smtp.has_extn("smtputf8"):
            return Bounced(f"the mail server takes no address beyond ASCII: {mail.recipient}")
        try:
            return self._announced(mail) or self._handed_over(mail)
        except (smtplib.SMTPException, OSError) as fault:
            self.close()
            return Unknown(reason_of(fault))

    def close(self) -> None:
        """Hang up."""
        self._smtp.close()

    def _announced(self, mail: WrittenMail) -> Outcome | None:
        """Give the envelope and ask to send the content; return how that is refused, if it is."""
        sender, recipient = mail.sender.encode(), mail.recipient.encode()
        commands = (
            b"MAIL FROM:<%s>%s\r\n" % (sender, self._options(mail)),
            b"RCPT TO:<%s>\r\n" % recipient,
            b"DATA\r\n",
        )
        replies = self._ask_at_once(commands) if self._smtp.has_extn("pipelining") else self._ask_in_turn(commands)
        for reply, accepted in zip(replies, _ACCEPTED, strict=False):
            if reply[0] in accepted:
                continue
            self._abandon(replies[-1])
            if accepted is _SENDER:
                # The sender or the session is refused, not this mail: it waits until the operator has mended that.
                return Unknown(f"the mail server refuses the shop: {_words(reply)}")
            return _refusal(reply)
        return None

    def _ask_at_once(self, commands: Sequence[bytes]) -> list[Reply]:
        """Write all commands, then read all replies: those after a refusal say that they, too, are refused."""
        self._smtp.send(b"".join(commands))
        replies: list[Reply] = []
        while len(replies) < len(commands) and not (replies and replies[-1][0] in _OVER):
            replies.append(self._smtp.getreply())
        return replies

    def _ask_in_turn(self, commands: Sequence[bytes]) -> list[Reply]:
        replies: list[Reply] = []
        for command, accepted in zip(commands, _ACCEPTED, strict=True):
            self._smtp.send(command)
            replies.append(self._smtp.getreply())
            if replies[-1][0] not in accepted:
                break
        return replies

    def _abandon(self, last: Reply) -> None:
        """Make way for the next mail. A fault here closes the connection and changes nothing about this mail."""
        if last[0] in _OVER:
            self.close()
            return
        with suppress(smtplib.SMTPException, OSError):
            # A server may ask for the content though it refused the recipient: it gets none (RFC 2920, section 3.1).
            self._smtp.send(b".\r\n" if last[0] in _CONTENT else b"RSET\r\n")
            self._smtp.getreply()

    def _handed_over(self, mail: WrittenMail) -> Outcome:
        self._smtp.send(mail.content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        reply = self._smtp.getreply()
        if reply[0] in _OVER:
            self.close()
        return Sent() if reply[0] == 250 else _refusal(reply)

    def _options(self, mail: WrittenMail) -> bytes:
        size = b" SIZE=%d" % len(mail.content) if self._smtp.has_extn("size") else b""
        return size + (b" BODY=8BITMIME SMTPUTF8" if mail.international else b"")


def reason_of(fault: Exception) -> str:
    """Say what a fault is: the server's reply, where it gave one."""
    if isinstance(fault, smtplib.SMTPResponseException):
        return _words((fault.smtp_code, fault.smtp_error))
    return str(fault) or type(fault).__name__


def _refusal(reply: Reply) -> Outcome:
    """Tell a refusal for good (5yz) from one for now (4yz): RFC 5321, section 4.2.1."""
    return Bounced(_words(reply)) if 500 <= reply[0] <= 599 else Unknown(_words(reply))


def _words(reply: tuple[int, bytes | str]) -> str:
    code, text = reply
    return f"{code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"
