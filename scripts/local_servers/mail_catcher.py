"""A mail server that delivers nothing: it accepts every message and keeps it in a Maildir.

`python -m local_servers.mail_catcher --port PORT --maildir DIRECTORY`. Each message is one file in `new/`, as it was
sent, after two lines of its envelope: `X-Envelope-From` and `X-Envelope-To`.
"""

import argparse
import asyncio
import itertools
import os
import signal
import time
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


class Catcher:
    """Keeps messages as Maildir prescribes: written in `tmp/`, then moved to `new/` in one step."""

    def __init__(self, maildir: Path) -> None:
        self._maildir = maildir
        self._number = itertools.count(1)
        for part in ("tmp", "new", "cur"):
            (maildir / part).mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        """Keep the message; its sender is told once the file has its final name."""
        name = f"{time.time_ns()}.{os.getpid()}_{next(self._number)}.localhost"
        recipients = ", ".join(envelope.rcpt_tos)
        head = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {recipients}\r\n".encode()
        content = envelope.content or b""
        draft = self._maildir / "tmp" / name
        draft.write_bytes(head + (content.encode() if isinstance(content, str) else content))
        draft.rename(self._maildir / "new" / name)
        return "250 kept"


async def serve(port: int, maildir: Path) -> None:
    """Catch mail on 127.0.0.1 until SIGTERM or SIGINT."""
    loop, catcher, ended = asyncio.get_running_loop(), Catcher(maildir), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = await loop.create_server(
        lambda: SMTP(catcher, hostname="localhost", enable_SMTPUTF8=True, ident="First Viscount mail catcher"),
        host="127.0.0.1",
        port=port,
    )
    await ended.wait()
    server.close()


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--maildir", type=Path, required=True, help="directory that keeps the messages")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.maildir))


if __name__ == "__main__":
    main()
