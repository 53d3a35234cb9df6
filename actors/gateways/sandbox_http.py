"""Kept-alive HTTP connections to a sandbox server: one request a batch, every fault of the line one exception."""

from collections.abc import Sequence
from typing import Any

import orjson
import urllib3

#: The most elements that a sandbox server takes in one request.
MOST_ELEMENTS = 1000
#: Connections kept open; more threads than this at once open further ones, which are closed after use.
KEPT_CONNECTIONS = 32


class NoAnswer(Exception):
    """Raised when no usable answer came: the server may or may not have done what it was asked."""


class SandboxServer:
    """A sandbox server as its client sees it. Thread-safe; to be created after a process has forked."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url.rstrip("/")
        self._pool = urllib3.PoolManager(
            maxsize=KEPT_CONNECTIONS,
            timeout=urllib3.Timeout(total=timeout_seconds),
            retries=False,
            headers={"Content-Type": "application/json"},
        )

    def post(self, path: str, elements: Sequence[object]) -> list[Any]:
        """Send a batch; return one answer for each element, in order. Raises `NoAnswer`."""
        try:
            response = self._pool.request("POST", self._url + path, body=orjson.dumps(elements))
        except urllib3.exceptions.HTTPError as error:
            raise NoAnswer(f"{path}: {type(error).__name__}: {error}") from error
        if response.status != 200:
            raise NoAnswer(f"{path}: status {response.status}: {response.data[:200]!r}")
        return _answers(path, response.data, len(elements))


def _answers(path: str, body: bytes, expected: int) -> list[Any]:
    try:
        answers = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NoAnswer(f"{path}: the answer is not JSON: {error}") from error
    if not isinstance(answers, list) or len(answers) != expected:
        raise NoAnswer(f"{path}: expected an array of {expected} answers")
    return answers
