"""Nothing personal on an operator's screen: addresses, names, telephone numbers and card tokens are masked."""

import re
from typing import Any

import orjson

from contexts.orders.masking import mask_email, mask_phone
from persistence.dead_letters import WAS

MASK = "***"

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_PHONES = frozenset({"phone", "customer_phone", "number"})
_SECRETS = frozenset({"token", "card_token"})

#: What of a postal address says where, but not who.
_OF_AN_ADDRESS = frozenset({"country", "state", "city"})


def masked(value: Any, name: str = "") -> Any:
    """Return JSON with what is personal in it masked; `name` is the key that the value stands under."""
    if isinstance(value, dict):
        if name.endswith("address"):
            return {key: part if key in _OF_AN_ADDRESS else MASK for key, part in value.items()}
        return {key: masked(part, key) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [masked(part, name) for part in value]
    if not isinstance(value, str):
        return value
    if name in _SECRETS:
        return MASK
    if name == "note":
        return "\n".join(map(_masked_line, value.split("\n")))
    if name.endswith(("email", "address")):
        return mask_email(value)
    return mask_phone(value) if name in _PHONES else masked_text(value)


def _masked_line(line: str) -> str:
    """Return a line of a note. One that tells what a message was before it was mended holds the message."""
    words, mark, message = line.partition(WAS)
    before = masked_json(message.encode()) if mark else None
    return masked_text(line) if before is None else f"{masked_text(words)}{WAS}{before}"


def masked_json(text: bytes) -> str | None:
    """Return a JSON text with what is personal in it masked; None for what is none, or nested too deeply."""
    try:
        return orjson.dumps(masked(orjson.loads(text))).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        return None


def masked_text(text: str) -> str:
    """Return a text with every e-mail address in it masked."""
    return _EMAIL.sub(lambda found: mask_email(found.group()), text)
