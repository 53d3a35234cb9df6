"""Idempotency-Key: a repeated request is the same order, and a caller's key belongs to one body.

The order's id comes from the key, so that even with Redis lost no second order can come of it. What is kept in Redis,
a fingerprint of the body for a day, tells a client that it used a key twice. Later another order under that key is
taken for a repeat of the first one, and is not placed: a key is for one order for ever.
"""

import hashlib
import re
from datetime import UTC, datetime
from uuid import UUID

from aiohttp import web

from contexts.identity import dated, named
from persistence.read_models import model_key

from .problems import IDEMPOTENCY_KEY_REUSED, NO_IDEMPOTENCY_KEY, Fault, Problem

#: Seconds that a fingerprint is kept.
A_DAY = 24 * 3600

#: Milliseconds since 1970. Older keys may have been sent while no id began with a time: a repeat of theirs must be the
#: same order. Never to be changed.
FIRST_DATED = int(datetime(2026, 11, 26, tzinfo=UTC).timestamp() * 1000)

_CALLERS = UUID("e2a7c1de-6a0f-4d4c-9a39-0f9a3d8f5c11")
_ANONYMOUS = named(_CALLERS, "anonymous")
_VERSION_7 = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}")
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,255}")


def caller(_request: web.Request) -> UUID:
    """Return whose keys these are: the HTTP caller's, which nothing in the body decides.

    Nobody is authenticated yet, so all callers are one and share their keys: each key must be hard to meet by chance.
    """
    return _ANONYMOUS


def idempotency_key(request: web.Request) -> str:
    """Return the header of 1 to 255 visible ASCII characters; raises `Problem`."""
    key = request.headers.get("Idempotency-Key", "")
    if not _VISIBLE_ASCII.fullmatch(key):
        detail = "Send an Idempotency-Key of 1 to 255 visible ASCII characters, a new one for each order."
        raise Problem(NO_IDEMPOTENCY_KEY, detail)
    return key


def id_of_order(caller: UUID, key: str) -> UUID:
    """Return the id of the order that a caller's key stands for.

    It begins with the time that the key tells, if that is a version 7 UUID: then the order's rows are found side by
    side with those of its time (docs/decisions/0013-ids-that-begin-with-a-time.md).
    """
    identity = named(caller, key)
    time = int(key[:8] + key[9:13], 16) if _VERSION_7.fullmatch(key) else 0
    return dated(identity, time) if time >= FIRST_DATED else identity


def fingerprint(canonical_body: bytes) -> bytes:
    """Return what tells two bodies apart, the order of their members aside."""
    return hashlib.sha256(canonical_body).digest()


def fingerprint_key(order_id: UUID) -> str:
    """Return where the fingerprint of an accepted order's body is kept."""
    return model_key("idempotency", str(order_id))


def is_repeated(kept: bytes | None, sent: bytes) -> bool:
    """Whether the order was accepted before; raises `Problem` when that was another one under the same key."""
    if kept is not None and kept != sent:
        detail = "This Idempotency-Key came with another body before; send a new key with a new order."
        raise Problem(IDEMPOTENCY_KEY_REUSED, detail, [Fault("", "not the body that this key came with first")])
    return kept is not None
