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

import uvloop

from local_servers.smtp_dialogue import Envelope, SmtpDialogue


class Catcher:
    """Keeps messages as Maildir prescribes: written in `tmp/`, then moved to `new/` in one step."""

    def __init__(self, maildir: Path) -> None:
        self._number = itertools.count(1)
        for part in ("tmp", "new", "cur"):
            (maildir / part).mkdir(parents=True, exist_ok=True)
        self._drafts, self._kept = str(maildir / "tmp"), str(maildir / "new")

    def keep(self, envelope: Envelope, content: bytes) -> None:
        """Return once the message has its final name."""
        name = f"{time.time_ns()}.{os.getpid()}_{next(self._number)}.localhost"
        head = f"X-Envelope-From: {envelope.sender}\r\nX-Envelope-To: {', '.join(envelope.recipients)}\r\n"
        draft = f"{self._drafts}/{name}"
        with open(draft, "xb") as file:
            file.write(head.encode() + content)
        os.rename(draft, f"{self._kept}/{name}")


async def serve(port: int, maildir: Path) -> None:
    """Catch mail on 127.0.0.1 until SIGTERM or SIGINT."""
    loop, catcher, ended = asyncio.get_running_loop(), Catcher(maildir), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = await loop.create_server(lambda: SmtpDialogue(catcher.keep), host="127.0.0.1", port=port)
    await ended.wait()
    server.close()


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--maildir", type=Path, required=True, help="directory that keeps the messages")
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.maildir))


if __name__ == "__main__":
    main()
