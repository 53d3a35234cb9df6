"""A mail as SMTP carries it (RFC 5322 and MIME): what is plain ASCII goes as it stands, the rest is encoded."""

import re
from binascii import b2a_qp
from dataclasses import dataclass
from email.header import Header
from email.headerregistry import Address
from uuid import uuid4

from contexts.notifications.mail import MailRequest

#: Characters of a line, where nothing forces it to be longer (RFC 5322, section 2.1.1).
_LINE = 78

#: Text that needs no encoding in a header, and that no reader takes for an encoded word (RFC 2047).
_PLAIN = re.compile(r"(?!.*=\?)[!-~](?:[ -~]*[!-~])?")

#: An address without quotes and comments (RFC 5322, section 3.2.3).
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_ATOM}(?:\.{_ATOM})*")

_MESSAGE_ID = re.compile(r"<[!-;=?-~]+>")


@dataclass(frozen=True, slots=True)
class WrittenMail:
    """A mail's envelope and content. Lines end with CRLF, dots are not yet doubled.

    All is ASCII, except that `international` mail has an address that is not (RFC 6531).
    """

    sender: str
    recipient: str
    content: bytes
    international: bool = False


class MailWriter:
    """Writes the mails of one sender."""

    def __init__(self, sender: Address) -> None:
        """`sender` may have a name."""
        self._sender, self._from = sender.addr_spec, str(sender)

    def write(self, request: MailRequest, date: str) -> WrittenMail:
        """Write a mail; raises `ValueError`, `IndexError` or `MessageError` for what no mail can hold."""
        recipient = _address(request.recipient)
        if not _MESSAGE_ID.fullmatch(request.message_id):
            raise ValueError(f"this is no Message-ID: {request.message_id!r}")
        # It is in neither text, since nobody can have known it.
        boundary = f"={uuid4().hex}="
        head = (
            f"Message-ID: {request.message_id}\r\n"
            f"Date: {date}\r\n"
            f"From: {self._from}\r\n"
            f"To: {recipient}\r\n"
            f"Subject: {_text('Subject', request.subject)}\r\n"
            f"X-Order-Id: {request.order_id}\r\n"
            "Auto-Submitted: auto-generated\r\n"  # RFC 3834: no out-of-office answers to a shop
            "MIME-Version: 1.0\r\n"
            f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n\r\n'
        )
        border = f"--{boundary}".encode("ascii")
        parts = (border, _part("plain", request.text), border, _part("html", request.html), border + b"--\r\n")
        content = head.encode() + b"\r\n".join(parts)
        return WrittenMail(self._sender, recipient, content, not (self._sender + recipient).isascii())


def _address(text: str) -> str:
    """Return an address as headers and commands have it; raises what the library does for one that is none."""
    if _PLAIN_ADDRESS.fullmatch(text):
        return text
    if not text.isprintable():
        raise ValueError(f"an address is one line of visible characters: {text!r}")
    return Address(addr_spec=text).addr_spec


def _text(header: str, value: str) -> str:
    """Return a header's text: as it is where it is plain and short, in encoded words otherwise."""
    if len(header) + 2 + len(value) <= _LINE and _PLAIN.fullmatch(value):
        return value
    if len(value.splitlines()) > 1:
        raise ValueError(f"{header} is one line of text: {value!r}")
    return Header(value, "utf-8", _LINE, header).encode(linesep="\r\n")


def _part(subtype: str, text: str) -> bytes:
    """Write a body that any server passes on unharmed: 7bit, or quoted-printable where that cannot be."""
    lines = text.encode().splitlines()
    body, encoding = b"\r\n".join([*lines, b""]), "7bit"
    if not text.isascii() or "\0" in text or max(map(len, lines), default=0) > _LINE:
        body, encoding = b2a_qp(body, istext=True), "quoted-printable"
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
    return head.encode("ascii") + body
