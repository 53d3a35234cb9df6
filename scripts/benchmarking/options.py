"""The options of a sub-command: those that every one has, and kinds of values that several take."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmarking import installing

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


#: Violations are told by the first few: one fault breaks many orders.
SHOWN = 20


class Command(Protocol):
    """A module that is a sub-command of `scripts/bench`."""

    __name__: str

    def add_to(self, commands: "Commands") -> None:
        """Add its parser (see `add_command`), with `measure` as a default of that name."""

    async def measure(self, chosen: argparse.Namespace) -> int:
        """Measure with the servers up; return the exit code: 0, or 1 when something is violated."""
        ...


def add_command(commands: "Commands", name: str, help: str, description: str) -> argparse.ArgumentParser:
    """Add a sub-command with `--json`, `--charts` and `--keep`; return its parser, for what else it takes.

    Its default `check` is called with what was chosen before anything is started: another one may end the program for
    options that do not go together, with `parser.error`.
    """
    parser = commands.add_parser(
        name, help=help, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write the figures to FILE, as JSON")
    parser.add_argument("--charts", action="store_true", help="draw them into docs/benchmarks/, as PNG files")
    parser.add_argument("--keep", action="store_true", help="leave the servers running at the end")
    parser.set_defaults(check=lambda _: None)
    return parser


def add_connections(parser: argparse.ArgumentParser, default: int, what: str) -> None:
    """Add `--connections`."""
    parser.add_argument(
        "--connections", type=count, default=default, metavar="C", help=f"connections that {what} (default: {default})"
    )


def count(text: str) -> int:
    """A whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def above_0(text: str) -> float:
    """A number above 0, at most 10,000."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0 and up to 10000")
    return number


def new_file(text: str) -> Path:
    """A file that can be written: found out before anything is measured."""
    file = Path(text)
    if file.is_dir() or not file.resolve().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a directory, or in none that exists")
    return file


def install_for_charts(chosen: argparse.Namespace) -> None:
    """Have what charts need, if they are wanted; raises `NotInstalledError`. To be called before the measurement."""
    if chosen.charts:
        installing.ensure(["matplotlib"])


def tell_violations(violations: Sequence[str]) -> None:
    """Print the first violations, and how many there are."""
    for sentence in violations[:SHOWN]:
        print(f"violation: {sentence}")
    print(f"{len(violations)} violations")


def write_json(chosen: argparse.Namespace, figures: Mapping[str, Any]) -> None:
    """Write the figures where they are wanted, if they are."""
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=2) + "\n")
