"""Mails as bytes: they say what they are to say, wherever it is beyond ASCII, and nothing can add a line to them."""

from dataclasses import replace
from email import message_from_bytes
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis.strategies import characters, text

from actors.gateways.mail_content import MailWriter, WrittenMail
from contexts.notifications.mail import MailRequest

DATE = "Thu, 26 Nov 2026 04:53:32 +0000"

REQUEST = MailRequest(
    "<8f2@firstviscount.example>", "jane@home.example", "Order FV-7 Confirmed", "<p>It is paid</p>", UUID(int=7)
)


def written(**changes: Any) -> WrittenMail:
    sender = Address("First Viscount", addr_spec="shop@firstviscount.example")
    return MailWriter(sender).write(replace(REQUEST, **changes), DATE)


def read(mail: WrittenMail) -> EmailMessage:
    message = message_from_bytes(mail.content, EmailMessage, policy=default)
    assert not message.defects
    assert not any(part.defects for part in message.iter_parts())
    return message


def bodies(mail: WrittenMail) -> dict[str, list[str]]:
    return {part.get_content_subtype(): part.get_content().splitlines() for part in read(mail).iter_parts()}


def test_a_plain_mail_is_written_as_it_stands() -> None:
    lines = written().content.split(b"\r\n")

    assert lines[:8] == [
        b"Message-ID: <8f2@firstviscount.example>",
        b"Date: Thu, 26 Nov 2026 04:53:32 +0000",
        b"From: First Viscount <shop@firstviscount.example>",
        b"To: jane@home.example",
        b"Subject: Order FV-7 Confirmed",
        b"X-Order-Id: 00000000-0000-0000-0000-000000000007",
        b"Auto-Submitted: auto-generated",
        b"MIME-Version: 1.0",
    ]
    assert lines.count(b"Content-Transfer-Encoding: 7bit") == 2
    assert {b"It is paid", b"<p>It is paid</p>"} < set(lines)


def test_words_beyond_ascii_come_back_as_they_were_and_travel_as_ascii() -> None:
    mail = written(subject="Bestätigt für Jürgen 🎉", html="<p>Grüße, 東京</p>")

    assert mail.content.isascii()
    assert not mail.international
    assert read(mail)["Subject"] == "Bestätigt für Jürgen 🎉"
    assert bodies(mail) == {"plain": ["Grüße, 東京"], "html": ["<p>Grüße, 東京</p>"]}


def test_no_line_is_longer_than_a_mail_server_must_take() -> None:
    mail = written(subject="word " * 300 + "x" * 1200, html=f"<p>{'y' * 3000}</p>")

    assert max(map(len, mail.content.split(b"\r\n"))) <= 78
    assert read(mail)["Subject"] == "word " * 300 + "x" * 1200
    assert bodies(mail)["plain"] == ["y" * 3000]


def test_what_7bit_may_not_hold_is_encoded() -> None:
    mail = written(html="<p>a\0b</p>")

    assert b"\0" not in mail.content
    assert bodies(mail)["html"] == ["<p>a\0b</p>"]


def test_text_that_looks_encoded_stays_text_and_brings_no_line_in() -> None:
    mail = written(subject="7 =?utf-8?q?=0ABcc=3A_eve=40x.example?=")

    assert read(mail)["Subject"] == "7 =?utf-8?q?=0ABcc=3A_eve=40x.example?="
    assert read(mail)["Bcc"] is None


@pytest.mark.parametrize("field", ["message_id", "recipient", "subject"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\u2028"])
def test_a_header_of_two_lines_is_refused(field: str, end: str) -> None:
    value = {"message_id": "<8f2@x.example>", "recipient": '"a{}b"@home.example', "subject": "Order{}Bcc: eve@x"}[field]

    with pytest.raises(ValueError, match=r"Message-ID|one line"):
        written(**{field: value.format(end) if "{}" in value else value + end})


@pytest.mark.parametrize(
    "wrong", ["a@b@c", "a,b@c.example", "a@", "", "a b@c.example", "a@b.example>", "jörg@c.example"]
)
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises((ValueError, IndexError, MessageError)):
        written(recipient=wrong)


def test_a_quoted_address_keeps_its_quotes() -> None:
    mail = written(recipient='"jane, shop"@home.example')

    assert mail.recipient == '"jane, shop"@home.example'
    assert read(mail)["To"].addresses[0].username == "jane, shop"


def test_an_address_beyond_ascii_makes_the_mail_international() -> None:
    mail = written(recipient="jane@büro.example")

    assert mail.international
    assert "To: jane@büro.example\r\n".encode() in mail.content


ONE_LINE = text(characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")))


@given(subject=ONE_LINE)
def test_every_line_of_text_can_be_a_subject(subject: str) -> None:
    assert " ".join(str(read(written(subject=subject))["Subject"]).split()) == " ".join(subject.split())


@given(html=text(characters(exclude_categories=["Cs"])))
def test_every_page_arrives_as_it_was_but_for_the_ends_of_its_lines(html: str) -> None:
    mail = written(html=html)

    assert mail.content.isascii()
    (body,) = (part for part in read(mail).iter_parts() if part.get_content_subtype() == "html")
    sent = body.get_payload(decode=True)
    assert isinstance(sent, bytes)
    assert sent.rstrip(b"\r\n").splitlines() == html.encode().rstrip(b"\r\n").splitlines()
