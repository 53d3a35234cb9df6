"""What a sandbox server's own records say: single records by name, and the whole list page by page."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

import orjson
import urllib3

from actors.gateways.sandbox_http import NoAnswer, SandboxServer

logger = logging.getLogger(__name__)

Record = TypeVar("Record")

#: Names in one GET: with more of them the request line grows beyond what HTTP servers take.
NAMES_A_REQUEST = 100


class SandboxReports(SandboxServer):
    """A sandbox server that is asked what it knows; nothing is changed by that. Thread-safe."""

    def named(self, path: str, field: str, names: Sequence[str]) -> list[Any]:
        """Return the records of these names that exist, by as many requests as it takes. Raises `NoAnswer`."""
        found: list[Any] = []
        for start in range(0, len(names), NAMES_A_REQUEST):
            found += self._list_at(path, [(field, name) for name in names[start : start + NAMES_A_REQUEST]])
        return found

    def page(self, path: str, name: str, after: str, limit: int) -> tuple[list[Any], str | None, str]:
        """Return a page's records, where the next begins if there is one, and where this ends. Raises `NoAnswer`."""
        start = int(after or 0)
        answer = self._get(path, [("after", str(start)), ("limit", str(limit))])
        records = answer.get(name) if isinstance(answer, dict) else None
        if not isinstance(records, list):
            raise NoAnswer(f"{path}: expected a page of {name}")
        following = answer.get("next")
        return records, None if following is None else str(following), str(start + len(records))

    def _list_at(self, path: str, fields: Sequence[tuple[str, str]]) -> list[Any]:
        records = self._get(path, fields)
        if not isinstance(records, list):
            raise NoAnswer(f"{path}: expected an array")
        return records

    def _get(self, path: str, fields: Sequence[tuple[str, str]]) -> Any:
        try:
            response = self._pool.request("GET", f"{self._url}{path}?{urlencode(fields)}")
        except urllib3.exceptions.HTTPError as error:
            raise NoAnswer(f"{path}: {type(error).__name__}: {error}") from error
        if response.status != 200:
            raise NoAnswer(f"{path}: status {response.status}: {response.data[:200]!r}")
        try:
            return orjson.loads(response.data)
        except orjson.JSONDecodeError as error:
            raise NoAnswer(f"{path}: the answer is not JSON: {error}") from error


def readable(records: Iterable[Any], read: Callable[[Any], Record]) -> tuple[Record, ...]:
    """Read each record. One that cannot be read was not made by this shop: it is left out, and said to be."""
    read_ones = []
    for record in records:
        try:
            read_ones.append(read(record))
        except (KeyError, TypeError, ValueError) as error:
            logger.warning("a record of the provider cannot be read and is left out: %r", error)
    return tuple(read_ones)
