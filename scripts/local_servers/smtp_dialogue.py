"""The server's side of SMTP (RFC 5321), as much of it as delivering takes: no log-in, no encryption, no relaying."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

#: Bytes of a mail, at most, and of what may wait to be understood.
LARGEST_MAIL = 32 * 1024 * 1024

_EXTENSIONS = (b"localhost", b"PIPELINING", b"SIZE %d" % LARGEST_MAIL, b"8BITMIME", b"SMTPUTF8")
_PATH = re.compile(rb"(?:FROM|TO):\s*<(.*)>", re.IGNORECASE)


@dataclass(slots=True)
class Envelope:
    """Whom a mail is from, and whom it is for."""

    sender: str | None = None
    recipients: list[str] = field(default_factory=list)


class SmtpDialogue(asyncio.Protocol):
    """One client's session. `keep` gets every mail; once it returns, the client is told that the mail is safe."""

    def __init__(self, keep: Callable[[Envelope, bytes], None]) -> None:
        self._keep = keep
        self._envelope = Envelope()
        self._received = b""
        self._in_content = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass
        self._transport.write(b"220 localhost First Viscount mail catcher\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer all that is complete, in one write: clients send several commands at once (RFC 2920)."""
        self._received += data
        replies = []
        while (part := self._next_part()) is not None:
            replies.append(self._take_content(part) if self._in_content else self._obey(part))
        self._transport.write(b"".join(b"%s\r\n" % reply for reply in replies))
        if len(self._received) > LARGEST_MAIL:
            self._transport.write(b"552 too much\r\n")
            self._transport.close()
        elif replies and replies[-1].startswith(b"221"):
            self._transport.close()

    def _next_part(self) -> bytes | None:
        """Return a command's line, or a mail's content with the line break before it; None until all of it is there."""
        part, end, rest = self._received.partition(b"\r\n.\r\n" if self._in_content else b"\r\n")
        if not end:
            return None
        self._received = rest
        return part

    def _obey(self, line: bytes) -> bytes:
        verb, _, argument = line.partition(b" ")
        match verb.upper():
            case b"EHLO":
                self._envelope = Envelope()
                return b"250-" + b"\r\n250-".join(_EXTENSIONS) + b"\r\n250 HELP"
            case b"HELO" | b"RSET":
                self._envelope = Envelope()
                return b"250 localhost"
            case b"MAIL":
                return self._begin(argument)
            case b"RCPT":
                return self._address(argument)
            case b"DATA":
                return self._ask_for_content()
            case b"NOOP":
                return b"250 yes?"
            case b"QUIT":
                return b"221 bye"
        return b"500 no such command here"

    def _begin(self, argument: bytes) -> bytes:
        path = _PATH.match(argument)
        if path is None:
            return b"501 MAIL FROM:<address>"
        self._envelope = Envelope(path[1].decode(errors="replace"))
        return b"250 go on"

    def _address(self, argument: bytes) -> bytes:
        path = _PATH.match(argument)
        if path is None:
            return b"501 RCPT TO:<address>"
        if self._envelope.sender is None:
            return b"503 MAIL comes first"
        self._envelope.recipients.append(path[1].decode(errors="replace"))
        return b"250 go on"

    def _ask_for_content(self) -> bytes:
        if not self._envelope.recipients:
            return b"503 RCPT comes first"
        self._in_content = True
        # The content ends with a dot on a line of its own, which may be its first line.
        self._received = b"\r\n" + self._received
        return b"354 the content, then a dot"

    def _take_content(self, part: bytes) -> bytes:
        """Keep a mail as it was before its dots were doubled (RFC 5321, section 4.5.2)."""
        self._in_content = False
        self._keep(self._envelope, (part + b"\r\n").replace(b"\r\n.", b"\r\n")[2:])
        self._envelope = Envelope()
        return b"250 kept"
