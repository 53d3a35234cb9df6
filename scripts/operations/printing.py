"""What a command prints: tables on a terminal, plain columns into a pipe, or one JSON document."""

import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Characters that one cell of a table shows at most; `--json` has them all.
WIDEST_CELL = 120

Row = Mapping[str, Any]


def json_document(document: Any) -> str:
    """Return one JSON document; decimals as strings, so that no cent is rounded."""
    return orjson.dumps(document, default=_plain_value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()


def table(rows: Sequence[Row], columns: Sequence[str], title: str = "") -> None:
    """Print rows under the columns' names; nothing where there are none."""
    if not rows:
        return
    if title:
        heading(title)
    terminal = sys.stdout.isatty()
    if terminal:  # into a pipe the columns are always the same
        columns = [name for name in columns if any(row.get(name) not in (None, "") for row in rows)]
    numeric = {name for name in columns if all(isinstance(row.get(name), int | float | None) for row in rows)}
    made = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False, show_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in numeric else "left", overflow="fold", no_wrap=not terminal)
    for row in rows:
        made.add_row(*(Text(cell(row.get(name))) for name in columns))
    if terminal:
        Console().print(made)
    else:
        wide = io.StringIO()
        Console(file=wide, width=100_000, no_color=True).print(made)
        print("\n".join(line.rstrip() for line in wide.getvalue().splitlines()))


def heading(text: str) -> None:
    """Print the title of what follows."""
    print(f"\n{line(text)}")


def fields(values: Mapping[str, Any]) -> None:
    """Print names and values, one a line; what is unknown is left out."""
    shown = {name: value for name, value in values.items() if value is not None and value != ""}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        print(f"{name:<{width}}  {cell(value, widest=10_000)}")


def text_block(text: str) -> None:
    """Print a text of several lines, without what would move a terminal's cursor."""
    print("\n".join(line(part) for part in text.splitlines()))


def cell(value: Any, widest: int = WIDEST_CELL) -> str:
    """One value on one line."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.1f}"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03}"
        case dict() | list():
            text = orjson.dumps(value, default=_plain_value).decode()
        case _:
            text = str(value)
    text = line(text)
    return text if len(text) <= widest else f"{text[: widest - 1]}…"


def line(text: str) -> str:
    """Return a text with everything that is not printable (line ends, terminal codes) as a space."""
    return "".join(character if character.isprintable() else " " for character in text)


def say(text: str) -> None:
    """Tell the person at the terminal; standard output stays free for results."""
    print(f"ops: {text}", file=sys.stderr, flush=True)


def say_all(texts: Iterable[str]) -> None:
    """Tell several things."""
    for text in texts:
        say(text)


def _plain_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(value)
