"""Reading the facts out of the providers: the payment gateway, the carrier, and the mail catcher."""

import json
import os
import re
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import local_servers
from actors.gateways.addresses import server_address
from demonstration.facts import ChargeFact, LabelFact

#: Records in one page of an export.
PAGE = 10_000

#: Bytes of a mail in which its header ends.
_HEADER = 4096
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>]+>)", re.IGNORECASE | re.MULTILINE)


def charges(ids: Sequence[UUID]) -> dict[UUID, list[ChargeFact]] | None:
    """Return every payment that the sandbox gateway has for these orders; None where another gateway is used."""
    gateway = server_address(os.environ["PAYMENT_GATEWAY_URL"])
    if gateway.provider != "sandbox":
        return None
    wanted = {str(order_id) for order_id in ids}
    found: dict[UUID, list[ChargeFact]] = {}
    for one in _exported(f"{gateway.url}/v1/payments/export", "payments"):
        if one["order_id"] in wanted:
            charge = ChargeFact(UUID(one["payment_id"]), one["state"], one["captured_minor"], one["refunded_minor"])
            found.setdefault(UUID(one["order_id"]), []).append(charge)
    return found


def labels(ids: Sequence[UUID]) -> dict[UUID, list[LabelFact]]:
    """Return every shipment that the carrier has for these orders."""
    wanted = {str(order_id) for order_id in ids}
    found: dict[UUID, list[LabelFact]] = {}
    for one in _exported(f"{os.environ['CARRIER_URL']}/v1/shipments/export", "shipments"):
        if one["order_id"] in wanted:
            label = LabelFact(UUID(one["reference"]), one["state"], one.get("tracking_number"))
            found.setdefault(UUID(one["order_id"]), []).append(label)
    return found


def mails(since: float, *, own_server: bool) -> Counter[str] | None:
    """Count the mails caught since a moment (Unix time) by Message-ID; None where another mail server is used."""
    if not own_server:
        return None
    return Counter(_message_id(mail) for mail in (local_servers.maildir() / "new").iterdir() if _caught(mail) >= since)


def _caught(mail: Path) -> float:
    return int(mail.name.partition(".")[0]) / 1e9


def _message_id(mail: Path) -> str:
    with mail.open("rb") as file:
        found = _MESSAGE_ID.search(file.read(_HEADER))
    return found[1].decode() if found else f"no Message-ID in {mail.name}"


def _exported(url: str, name: str) -> Iterator[dict[str, Any]]:
    after: int | None = 0
    while after is not None:
        with urllib.request.urlopen(f"{url}?after={after}&limit={PAGE}", timeout=60) as answer:
            page = json.load(answer)
        yield from page[name]
        after = page["next"]
