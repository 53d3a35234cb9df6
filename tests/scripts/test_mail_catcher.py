"""The mail catcher's dialogue: what clients send in one go, in pieces or in the wrong order."""

import asyncio
from typing import cast

import pytest

from local_servers.smtp_dialogue import LARGEST_MAIL, Envelope, SmtpDialogue

ENVELOPE = b"MAIL FROM:<shop@x.example> SIZE=9\r\nRCPT TO:<ann@x.example>\r\nDATA\r\n"


class Line:
    """A client's end of the line: says things, and keeps the replies and the mails."""

    def __init__(self) -> None:
        self.written = b""
        self.is_open = True
        self.mails: list[tuple[Envelope, bytes]] = []
        self._dialogue = SmtpDialogue(lambda envelope, content: self.mails.append((envelope, content)))
        self._dialogue.connection_made(cast(asyncio.Transport, self))
        self.replies()

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.is_open = False

    def says(self, data: bytes) -> list[int]:
        self._dialogue.data_received(data)
        return self.replies()

    def replies(self) -> list[int]:
        lines, self.written = self.written.splitlines(), b""
        return [int(line[:3]) for line in lines if line[3:4] == b" "]


def test_commands_of_one_write_are_answered_one_by_one() -> None:
    line = Line()

    assert line.says(b"EHLO shop\r\n" + ENVELOPE) == [250, 250, 250, 354]
    assert line.says(b"Subject: x\r\n\r\none\r\n.\r\n" + ENVELOPE + b"two\r\n.\r\nQUIT\r\n") == [
        250,
        250,
        250,
        354,
        250,
        221,
    ]
    assert [content for _, content in line.mails] == [b"Subject: x\r\n\r\none\r\n", b"two\r\n"]
    assert line.mails[0][0] == Envelope("shop@x.example", ["ann@x.example"])
    assert not line.is_open


def test_a_mail_that_comes_byte_by_byte_is_the_same_mail() -> None:
    line = Line()
    mail = ENVELOPE + b"..one\r\n.two\r\n..\r\n.\r\nNOOP\r\n"

    replies = [code for place in range(len(mail)) for code in line.says(mail[place : place + 1])]

    assert replies == [250, 250, 354, 250, 250]
    assert [content for _, content in line.mails] == [b".one\r\ntwo\r\n.\r\n"]


def test_a_mail_may_be_empty() -> None:
    line = Line()

    assert line.says(ENVELOPE) == [250, 250, 354]
    assert line.says(b".\r\n") == [250]
    assert [content for _, content in line.mails] == [b""]


@pytest.mark.parametrize(
    ("commands", "replies"),
    [
        (b"DATA\r\n", [503]),
        (b"RCPT TO:<ann@x.example>\r\n", [503]),
        (b"MAIL FROM:<a@x.example>\r\nDATA\r\n", [250, 503]),
        (b"MAIL FROM:<a@x.example>\r\nRSET\r\nRCPT TO:<ann@x.example>\r\n", [250, 250, 503]),
        (b"MAIL a@x.example\r\nTURN\r\n", [501, 500]),
    ],
)
def test_what_is_out_of_order_is_refused(commands: bytes, replies: list[int]) -> None:
    assert Line().says(commands) == replies


def test_who_sends_without_end_is_cut_off() -> None:
    line = Line()

    assert line.says(b"x" * (LARGEST_MAIL + 1)) == [552]
    assert not line.is_open
