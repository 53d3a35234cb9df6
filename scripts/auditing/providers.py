"""Reading the facts out of the providers: the payment gateway, the carrier, and the mail catcher."""

import os
import re
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import urllib3

import local_servers
from actors.gateways.addresses import address_in_environment, server_address
from auditing.spool import Spool
from local_servers import variables
from operations.errors import ServerAway

#: Records in one page of an export.
PAGE = 10_000

#: Bytes of a mail in which its header ends.
_HEADER = 4096
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>]+>)", re.IGNORECASE | re.MULTILINE)
_ORDER_ID = re.compile(rb"^X-Order-Id:\s*([0-9a-f-]{36})\s*$", re.IGNORECASE | re.MULTILINE)

_TIMEOUT = urllib3.Timeout(connect=3, read=60)


class Everything(Container[str]):
    """All orders."""

    def __contains__(self, order_id: object) -> bool:
        return True


def fill(spool: Spool, wanted: Container[str]) -> list[str]:
    """Take what the providers have of the wanted orders; return a sentence for each that cannot be asked.

    Raises `ServerAway` for one that can, but does not answer.
    """
    return [*_take_charges(spool, wanted), *_take_labels(spool, wanted), *_take_mails(spool, wanted)]


def _take_charges(spool: Spool, wanted: Container[str]) -> list[str]:
    gateway = server_address(address_in_environment("PAYMENT_GATEWAY_URL"))
    if gateway.provider != "sandbox":
        return ["PAYMENT_GATEWAY_URL is not the sandbox gateway: what it took was not compared"]
    exported = _exported("PAYMENT_GATEWAY_URL", f"{gateway.url}/v1/payments/export", "payments")
    names = ("order_id", "payment_id", "state", "captured_minor", "refunded_minor")
    spool.fill("charges", (tuple(one[name] for name in names) for one in exported if one["order_id"] in wanted))
    return []


def _take_labels(spool: Spool, wanted: Container[str]) -> list[str]:
    url = os.environ.get("CARRIER_URL")
    if not url:
        return ["CARRIER_URL is not set: what the carrier booked was not compared"]
    names = ("order_id", "reference", "state", "tracking_number")
    # A reference that was cancelled before it was booked has no order.
    exported = (one for one in _exported("CARRIER_URL", f"{url}/v1/shipments/export", "shipments") if one["order_id"])
    spool.fill("labels", (tuple(one.get(name) for name in names) for one in exported if one["order_id"] in wanted))
    return []


def _take_mails(spool: Spool, wanted: Container[str]) -> list[str]:
    if "SMTP_URL" in variables.given():
        return ["SMTP_URL is a server of yours: what it received was not compared"]
    directory = local_servers.maildir() / "new"
    mails = (_mail(one) for one in directory.iterdir()) if directory.is_dir() else iter(())
    spool.fill("mails", (mail for mail in mails if mail and mail[0] in wanted))
    return []


def _mail(file: Path) -> tuple[str, str] | None:
    """Return order and Message-ID of a mail; None if it is about no order."""
    with file.open("rb") as opened:
        header = opened.read(_HEADER)
    order, message = _ORDER_ID.search(header), _MESSAGE_ID.search(header)
    return (order[1].decode(), message[1].decode()) if order and message else None


def _exported(variable: str, url: str, name: str) -> Iterator[dict[str, Any]]:
    after: int | None = 0
    while after is not None:
        page = _page(variable, f"{url}?after={after}&limit={PAGE}")
        yield from page[name]
        after = page["next"]


def _page(variable: str, url: str) -> Any:
    try:
        answer = urllib3.request("GET", url, timeout=_TIMEOUT, retries=False)
    except urllib3.exceptions.HTTPError as problem:
        raise ServerAway(f"{urlsplit(url).netloc} (from {variable}) cannot be asked: {problem}") from problem
    if answer.status != 200:
        raise ServerAway(f"{urlsplit(url).netloc} (from {variable}) cannot be asked: HTTP {answer.status}")
    return orjson.loads(answer.data)
