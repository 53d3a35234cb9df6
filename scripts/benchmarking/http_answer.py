"""An answer as it comes in over a connection: the little of HTTP/1.1 that the client of a benchmark needs."""

import re
from typing import NamedTuple

_END_OF_HEAD = b"\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})[ \r]")
_LENGTH = re.compile(rb"\r\nContent-Length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nRetry-After:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nConnection:[ \t]*close[ \t]*\r\n", re.IGNORECASE)


class UnreadableError(Exception):
    """Raised when what comes in is not one answer that says how long it is; the text shows its beginning."""


class Answer(NamedTuple):
    """A whole answer. `retry_after` are seconds, if the server names any; `closes`: nothing comes after it."""

    status: int
    body: bytes
    retry_after: float | None
    closes: bool


def whole_answer(received: bytes) -> Answer | None:
    """Return the answer if it is there to the end of its body, None if more is to come. Raises `UnreadableError`."""
    end = received.find(_END_OF_HEAD)
    if end < 0:
        return None
    body_at = end + len(_END_OF_HEAD)
    status, length = _STATUS.match(received), _LENGTH.search(received, 0, body_at)
    if status is None or length is None or len(received) > body_at + int(length[1]):
        raise UnreadableError(f"not one answer with a Content-Length: {received[:300]!r}")
    if len(received) < body_at + int(length[1]):
        return None
    again = _RETRY_AFTER.search(received, 0, body_at)
    closes = _CLOSE.search(received, 0, body_at) is not None
    return Answer(int(status[1]), received[body_at:], float(again[1]) if again else None, closes)
