"""The trace that a request belongs to (W3C Trace Context): the client's, or a new one."""

import os
import re

from aiohttp import web

_KNOWN_VERSION = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_LATER_VERSION = re.compile(r"(?!00|ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_KEPT = web.RequestKey("traceparent", str)


def traceparent_of(request: web.Request) -> str:
    """Return the request's `traceparent`, always the same one for one request."""
    kept = request.get(_KEPT)
    if kept is None:
        kept = request[_KEPT] = accepted(request.headers.get("traceparent")) or new_traceparent()
    return kept


def accepted(header: str | None) -> str | None:
    """Return a valid header; of a later version the part that is known (section 3.2.4 of the standard); else None."""
    if header is None or len(header) > 512:
        return None
    if _KNOWN_VERSION.fullmatch(header):
        return header
    return f"00-{header[3:55]}" if _LATER_VERSION.fullmatch(header) else None


def new_traceparent() -> str:
    """Begin a trace; it is marked as sampled, what to keep is decided later."""
    noise = os.urandom(24).hex()
    return f"00-{noise[:32]}-{noise[32:]}-01"
