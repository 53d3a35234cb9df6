"""JSON in and out: reading a request's body as untrusted input, and answering."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from aiohttp import web

from .problems import MALFORMED, NOT_JSON, Fault, Kind, Problem

#: Bytes of a request's body, at most.
LARGEST_BODY = 64 * 1024


async def canonical_json(request: web.Request, invalid: Kind) -> bytes:
    """Return the body with its members in order and without spaces: the same bytes for the same content.

    Raises `Problem`: 413, 415, 400 for what is not JSON in UTF-8, and `invalid` for text with control characters, which
    neither PostgreSQL (NUL) nor a mail's header (line ends) may get.
    """
    if request.content_type != "application/json":
        raise Problem(NOT_JSON, "The Content-Type must be application/json.")
    try:
        document = orjson.loads(await whole_body(request))
        canonical = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONDecodeError as error:
        raise Problem(MALFORMED, f"The body is not JSON: {error}.") from error
    except orjson.JSONEncodeError as error:
        raise Problem(MALFORMED, "The body is nested too deeply.") from error
    if b"\\" in canonical:  # only then can a control character be in it
        faults = [Fault(pointer, "control characters are not allowed") for pointer in _with_controls(document, "")]
        if faults:
            raise Problem(invalid, "Some text holds control characters.", faults)
    return canonical


async def whole_body(request: web.Request) -> bytes:
    """Return the body's bytes, none where there is no body; raises `Problem` when it did not come whole."""
    try:
        return await request.read()
    except (web.RequestPayloadError, ConnectionError) as error:
        raise Problem(MALFORMED, "The body did not come whole.") from error


def json_response(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Answer with JSON."""
    return web.Response(body=orjson.dumps(content), status=status, headers=headers, content_type="application/json")


def pointer_to(*path: str | int) -> str:
    """`("lines", 0, "quantity")` -> `/lines/0/quantity` (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def _with_controls(value: Any, pointer: str) -> Iterator[str]:
    if isinstance(value, str):
        if any(ord(character) < 32 for character in value):
            yield pointer
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _with_controls(member, pointer + pointer_to(name))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _with_controls(member, pointer + pointer_to(index))
