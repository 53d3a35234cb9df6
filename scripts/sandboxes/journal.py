"""An append-only file of JSON lines: what a sandbox server must still know after a restart."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson


class CorruptJournal(ValueError):
    """Raised when a finished line of the journal is not JSON."""


class Journal:
    """Records in the order they were written; handed to the operating system before `append` returns.

    That survives the death of the process, not the loss of power. A last line without its newline was torn by a
    crash while it was written: its request was never answered, so it is cut off when the journal is opened.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("ab", buffering=0)
        self._size = self._cut_torn_line()

    def replay(self) -> Iterator[Any]:
        """Yield every record, oldest first; raises `CorruptJournal` naming the line that cannot be read."""
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise CorruptJournal(f"{self._path}, line {number}: {error}") from error

    def append(self, records: Iterable[object]) -> None:
        """Write the records with one system call; raises `OSError`, and then none of them is in the file."""
        block = b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records)
        if not block:
            return
        try:
            written = self._file.write(block)
            if written != len(block):
                raise OSError(f"{self._path}: only {written} of {len(block)} bytes were written; is the disk full?")
        except OSError:
            os.ftruncate(self._file.fileno(), self._size)
            raise
        self._size += len(block)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _cut_torn_line(self) -> int:
        content_end = 0
        with self._path.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    content_end += len(line)
        os.ftruncate(self._file.fileno(), content_end)
        return content_end
