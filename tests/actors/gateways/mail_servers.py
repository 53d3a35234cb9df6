"""Mail servers that tests play: a real one that can be told to refuse, and one that follows a script to the byte."""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from threading import Event, Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class MailServer:
    """Keeps what it takes. `answers` are given to recipients (RCPT) or contents (DATA); "hang up" drops the line."""

    taken: list[EmailMessage] = field(default_factory=list)
    recipients: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    pipelining: bool = False
    connections: list[SMTP] = field(default_factory=list)
    port: int = 0

    async def handle_EHLO(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections.append(server)
        session.host_name = hostname
        return [responses[0], *(["250-PIPELINING"] if self.pipelining else []), *responses[1:]]

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.recipients.get(address, "250 welcome")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self._given(answer, server)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        answer = self.answers.get(envelope.rcpt_tos[0], "250 kept")
        if answer[0] == "2" or answer == "hang up":
            self.taken.append(message_from_bytes(envelope.content, EmailMessage, policy=default))
        return self._given(answer, server)

    @staticmethod
    def _given(answer: str, server: SMTP) -> str:
        if answer == "hang up":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return answer


@contextmanager
def serving(server: MailServer) -> Iterator[MailServer]:
    """Let it listen on a free port; it knows the user `shop` with the password `s@cret`."""
    server.port = free_port()
    options: dict[str, Any] = {"authenticator": _log_in, "auth_require_tls": False, "ready_timeout": 20}
    controller = Controller(server, hostname="127.0.0.1", port=server.port, **options)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def _log_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:
    return AuthResult(success=data.login == b"shop" and data.password == b"s@cret", handled=False)


class Script:
    """A mail server that answers each thing it hears with the next line of a connection's script, then hangs up."""

    def __init__(self, *connections: Sequence[bytes]) -> None:
        self.heard: list[bytes] = []
        self.hung_up = Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._thread = Thread(target=self._play, args=(connections,), daemon=True)
        self._thread.start()

    def ended(self) -> list[bytes]:
        """Return what was heard, once the script is at its end."""
        self._thread.join(10)
        assert not self._thread.is_alive(), "the script was not played to its end"
        return self.heard

    def _play(self, connections: Sequence[Sequence[bytes]]) -> None:
        with self._listening:
            for answers in connections:
                client, _ = self._listening.accept()
                with client:
                    client.sendall(b"220 hello\r\n")
                    for answer in answers:
                        self.heard.append(client.recv(65536))
                        client.sendall(answer)
                self.hung_up.set()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
