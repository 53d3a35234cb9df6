"""Mail leaves over SMTP: refusals told apart, lost connections survived, whether the server takes PIPELINING or not."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from actors.gateways.addresses import InvalidAddress
from actors.gateways.smtp_connection import SmtpServer
from actors.gateways.smtp_mail import SmtpMail, smtp_server
from contexts.notifications.mail import Bounced, MailRequest, Sent, Unknown

from .mail_servers import MailServer, Script, free_port, serving


@pytest.fixture(params=[False, True], ids=["in_turn", "pipelining"])
def mail_server(request: pytest.FixtureRequest) -> Iterator[MailServer]:
    with serving(MailServer(pipelining=request.param)) as server:
        yield server


@pytest.fixture
def smtp(mail_server: MailServer) -> SmtpMail:
    return SmtpMail(SmtpServer("127.0.0.1", mail_server.port), timeout_seconds=5)


def a_mail(recipient: str = "jane@home.example") -> MailRequest:
    return MailRequest(
        f"<{uuid4()}@firstviscount.example>", recipient, "Bestätigt", "<p>Grüße &amp; Dank</p>", UUID(int=7)
    )


def kinds(outcomes: Any) -> list[type]:
    return [type(outcome) for outcome in outcomes]


def test_a_mail_carries_its_message_id_its_order_and_both_bodies(mail_server: MailServer, smtp: SmtpMail) -> None:
    request = a_mail()

    assert smtp.perform([request]) == [Sent()]

    (mail,) = mail_server.taken
    assert (mail["Message-ID"], mail["X-Order-Id"]) == (request.message_id, str(request.order_id))
    assert (mail["From"], mail["To"]) == ("First Viscount <shop@firstviscount.example>", "jane@home.example")
    assert mail["Subject"] == "Bestätigt"
    bodies = {part.get_content_type(): part.get_content().strip() for part in mail.iter_parts()}
    assert bodies == {"text/plain": "Grüße & Dank", "text/html": "<p>Grüße &amp; Dank</p>"}


def test_a_batch_takes_one_connection(mail_server: MailServer, smtp: SmtpMail) -> None:
    requests = [a_mail(f"{n}@home.example") for n in range(20)]

    assert kinds(smtp.perform(requests)) == [Sent] * 20
    assert [mail["To"] for mail in mail_server.taken] == [request.recipient for request in requests]
    assert len(mail_server.connections) == 1


@pytest.mark.parametrize("place", ["recipients", "answers"])
def test_a_refusal_for_good_bounces_and_one_for_now_leaves_it_open(
    mail_server: MailServer, smtp: SmtpMail, place: str
) -> None:
    getattr(mail_server, place).update(
        {"gone@home.example": "550 no such mailbox", "full@home.example": "452 mailbox full, later"}
    )

    outcomes = smtp.perform([a_mail("gone@home.example"), a_mail("full@home.example"), a_mail()])

    assert outcomes == [Bounced("550 no such mailbox"), Unknown("452 mailbox full, later"), Sent()]
    assert len(mail_server.connections) == 1


def test_a_server_that_hangs_up_before_its_answer_leaves_that_mail_open_and_sends_the_others(
    mail_server: MailServer, smtp: SmtpMail
) -> None:
    mail_server.answers["jane@home.example"] = "hang up"

    outcomes = smtp.perform([a_mail("a@home.example"), a_mail(), a_mail("b@home.example")])

    assert kinds(outcomes) == [Sent, Unknown, Sent]
    assert len(mail_server.connections) == 2


def test_a_server_that_hangs_up_again_and_again_is_left_alone(mail_server: MailServer, smtp: SmtpMail) -> None:
    mail_server.answers["jane@home.example"] = "hang up"

    assert kinds(smtp.perform([a_mail() for _ in range(5)])) == [Unknown] * 5
    assert len(mail_server.connections) == 2


def test_a_server_that_closes_its_session_with_421_leaves_that_mail_open_and_sends_the_others(
    mail_server: MailServer, smtp: SmtpMail
) -> None:
    mail_server.recipients["jane@home.example"] = "421 closing"

    assert kinds(smtp.perform([a_mail(), a_mail("b@home.example")])) == [Unknown, Sent]


def test_without_a_mail_server_every_mail_stays_open() -> None:
    outcomes = SmtpMail(SmtpServer("127.0.0.1", free_port())).perform([a_mail(), a_mail()])

    assert kinds(outcomes) == [Unknown, Unknown]


def test_an_address_that_cannot_be_written_bounces_and_harms_no_other(mail_server: MailServer, smtp: SmtpMail) -> None:
    requests = [a_mail(wrong) for wrong in ("a@b@c", "a,b@c.example", "a@", "x\r\nDATA@c.example", "")]

    assert kinds(smtp.perform([*requests, a_mail()])) == [Bounced] * 5 + [Sent]
    assert [mail["To"] for mail in mail_server.taken] == ["jane@home.example"]


def test_who_has_a_password_logs_in_and_who_has_a_wrong_one_is_told_without_it(mail_server: MailServer) -> None:
    right = smtp_server(f"smtp://shop:s%40cret@127.0.0.1:{mail_server.port}")
    (refused,) = SmtpMail(replace(right, password="s@cr3t")).perform([a_mail()])

    assert SmtpMail(right).perform([a_mail()]) == [Sent()]
    assert isinstance(refused, Unknown)
    assert "535" in refused.reason
    assert "s@cr3t" not in refused.reason
    assert "s@cret" not in repr(right)


@pytest.mark.parametrize("wrong", ["http://127.0.0.1:25", "smtp://", "smtp://host:mail", "127.0.0.1:25"])
def test_an_address_of_a_mail_server_reads_smtp(wrong: str) -> None:
    with pytest.raises(InvalidAddress, match="SMTP_URL"):
        smtp_server(wrong)


def test_the_next_call_takes_the_same_connection(mail_server: MailServer, smtp: SmtpMail) -> None:
    assert [*smtp.perform([a_mail()]), *smtp.perform([a_mail(), a_mail()])] == [Sent()] * 3
    assert len(mail_server.connections) == 1


@pytest.mark.parametrize("place", ["recipients", "answers"])
def test_a_connection_lost_in_the_middle_is_not_kept(mail_server: MailServer, smtp: SmtpMail, place: str) -> None:
    getattr(mail_server, place)["jane@home.example"] = "hang up"
    mails = [a_mail("a@home.example"), a_mail(), a_mail("b@home.example")]

    assert kinds(smtp.perform(mails)) == [Sent, Unknown, Sent]
    assert kinds(smtp.perform(mails[:1])) == [Sent]
    assert len(mail_server.connections) == 2


#: What a server with PIPELINING says: to EHLO, to an envelope, to a content.
HELLO, GO_ON, KEPT = b"250-hello\r\n250 PIPELINING\r\n", b"250 ok\r\n250 ok\r\n354 go on\r\n", b"250 kept\r\n"


def played(*connections: Sequence[bytes]) -> tuple[Script, SmtpMail]:
    script = Script(*connections)
    return script, SmtpMail(SmtpServer("127.0.0.1", script.port), timeout_seconds=5)


def envelope(recipient: str) -> bytes:
    return f"MAIL FROM:<shop@firstviscount.example>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode()


def test_an_envelope_is_one_write_and_a_content_another() -> None:
    script, smtp = played([HELLO, GO_ON, KEPT, GO_ON, KEPT])

    assert smtp.perform([a_mail("a@home.example"), a_mail("b@home.example")]) == [Sent(), Sent()]

    hello, first, content, second, _ = script.ended()
    assert hello == b"ehlo firstviscount.example\r\n"
    assert (first, second) == (envelope("a@home.example"), envelope("b@home.example"))
    assert content.startswith(b"Message-ID: <")
    assert content.endswith(b"--\r\n.\r\n")


def test_a_server_that_asks_for_the_content_of_a_refused_mail_gets_none_and_the_next_mail_goes() -> None:
    refusal = b"250 ok\r\n550 no such mailbox\r\n354 go on\r\n"
    script, smtp = played([HELLO, refusal, b"554 no recipients\r\n", GO_ON, KEPT])

    outcomes = smtp.perform([a_mail("gone@home.example"), a_mail("b@home.example")])

    assert outcomes == [Bounced("550 no such mailbox"), Sent()]
    assert script.ended()[2:4] == [b".\r\n", envelope("b@home.example")]


def test_a_refused_sender_leaves_the_mail_open_whatever_the_commands_after_it_are_told() -> None:
    refusal = b"550 we do not know you\r\n503 MAIL first\r\n503 RCPT first\r\n"
    script, smtp = played([HELLO, refusal, b"250 reset\r\n", GO_ON, KEPT])

    outcomes = smtp.perform([a_mail(), a_mail()])

    assert outcomes == [Unknown("the mail server refuses the shop: 550 we do not know you"), Sent()]
    assert script.ended()[2] == b"RSET\r\n"


def test_a_server_that_ends_its_session_amid_its_replies_is_not_waited_for() -> None:
    script, smtp = played([HELLO, b"250 ok\r\n421 closing\r\n"], [HELLO, GO_ON, KEPT])

    assert smtp.perform([a_mail(), a_mail()]) == [Unknown("421 closing"), Sent()]
    assert len(script.ended()) == 5


@pytest.mark.parametrize("answers", [[b""], [b"250 ok\r\n250 ok\r\n"], [GO_ON, b""]], ids=["none", "two", "three"])
def test_only_the_mail_whose_answer_is_missing_stays_open(answers: list[bytes]) -> None:
    script, smtp = played([HELLO, GO_ON, KEPT, *answers], [HELLO, GO_ON, KEPT])

    outcomes = smtp.perform([a_mail("a@home.example"), a_mail("b@home.example"), a_mail("c@home.example")])

    assert kinds(outcomes) == [Sent, Unknown, Sent]
    assert script.ended()[-2] == envelope("c@home.example")


def test_a_kept_connection_that_the_server_gave_up_meanwhile_costs_no_mail() -> None:
    script, smtp = played([HELLO, GO_ON, KEPT + b"421 you are too quiet\r\n"], [HELLO, GO_ON, KEPT])
    assert smtp.perform([a_mail()]) == [Sent()]
    assert script.hung_up.wait(10)

    assert smtp.perform([a_mail()]) == [Sent()]
    assert len(script.ended()) == 6


def test_lines_that_begin_with_a_dot_arrive_as_they_were(mail_server: MailServer, smtp: SmtpMail) -> None:
    html = "<p>one</p>\n.\n..two\n.three"

    assert smtp.perform([replace(a_mail(), html=html)]) == [Sent()]

    (mail,) = mail_server.taken
    body = mail.get_body(("html",))
    assert body is not None
    assert body.get_content().splitlines() == html.splitlines()


def test_an_address_beyond_ascii_is_sent_where_the_server_takes_it_and_bounces_where_not(
    mail_server: MailServer, smtp: SmtpMail
) -> None:
    script, elsewhere = played([HELLO])

    assert smtp.perform([a_mail("jane@büro.example")]) == [Sent()]
    assert kinds(elsewhere.perform([a_mail("jane@büro.example")])) == [Bounced]

    assert [mail["To"] for mail in mail_server.taken] == ["jane@büro.example"]
    assert len(script.ended()) == 1
