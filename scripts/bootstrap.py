"""What every executable in scripts/ calls first: `import bootstrap; bootstrap.enter()`.

Afterwards the script runs in `.venv` at the repository root, with the project and its development tools installed as
constraints.txt pins them. Needs nothing but the standard library. Everything it says goes to standard error.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"
LOG = ROOT / ".run" / "bootstrap.log"
OLDEST = (3, 11)


class BootstrapError(Exception):
    """Raised when the environment cannot be made; the text is a sentence for the person at the terminal."""


def enter() -> None:
    """Return inside an up-to-date `.venv`, starting this script anew there if need be.

    Where that cannot be had it ends the process with exit code 1 and a sentence.
    """
    if sys.version_info < OLDEST:
        _continue_with_newer_python()
    try:
        if not _is_installed():
            _install()
    except BootstrapError as problem:
        sys.exit(f"{Path(sys.argv[0]).name}: {problem}")
    except OSError as problem:
        sys.exit(f"{Path(sys.argv[0]).name}: cannot prepare {VENV}: {problem}")
    except KeyboardInterrupt:
        _say("interrupted; run it again to go on")
        sys.exit(130)
    _put_first_on_path(PYTHON.parent)
    if not Path(sys.prefix).samefile(VENV):
        os.execv(PYTHON, [str(PYTHON), *sys.argv])


def _continue_with_newer_python() -> None:
    """Start this script anew with a Python that is new enough, or say that there is none."""
    for minor in range(19, OLDEST[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, *sys.argv])
    sys.exit(
        f"First Viscount needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}, no newer found."
    )


def _is_installed() -> bool:
    return STAMP.is_file() and os.access(PYTHON, os.X_OK) and STAMP.read_text() == _fingerprint()


def _fingerprint() -> str:
    """A hash of all that decides what is installed; pyvenv.cfg names the version of the environment's Python."""
    digest = hashlib.sha256(str(ROOT).encode())
    for file in (ROOT / "setup.cfg", ROOT / "constraints.txt", VENV / "pyvenv.cfg"):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _install() -> None:
    with _lock():
        if _is_installed():  # whoever held the lock before us did it
            return
        began = time.monotonic()
        LOG.write_text("")
        _make_venv()
        command = [str(PYTHON), "-m", "pip", "install", "-c", "constraints.txt", "-e", ".[dev]"]
        if _run("installing the project and its packages into .venv", command) != 0:
            raise BootstrapError(
                f"pip could not install the packages ({_last_error()}). Its log is {LOG}. "
                "Check that the package index can be reached (network, proxy, PIP_INDEX_URL), then run this again."
            )
        STAMP.write_text(_fingerprint())
        _say(f".venv is ready ({time.monotonic() - began:.0f} s)")


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """Let one process install at a time."""
    LOG.parent.mkdir(exist_ok=True)
    with open(LOG.with_suffix(".lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another process is preparing .venv; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_venv() -> None:
    """Make `.venv`, unless one that works is there, by hand or from before."""
    if os.access(PYTHON, os.X_OK):
        version = subprocess.run(
            [PYTHON, "-c", "import sys, pip; print(*sys.version_info[:2])"], capture_output=True, text=True
        )
        if version.returncode == 0:
            if tuple(map(int, version.stdout.split())) < OLDEST:
                raise BootstrapError(
                    f"{VENV} holds a Python older than 3.11. Remove that directory and run this again."
                )
            return
    if importlib.util.find_spec("ensurepip") is None:
        _install_ensurepip()
    if _run("making .venv", [sys.executable, "-m", "venv", "--clear", str(VENV)]) != 0:
        raise BootstrapError(f"{VENV} could not be made ({_last_error()}). The log is {LOG}.")


def _install_ensurepip() -> None:
    """Debian ships ensurepip, which makes pip appear in a new environment, in a package of its own."""
    from local_servers import apt

    try:
        apt.install(("python3-venv",), LOG, _say)
    except apt.AptError as problem:
        raise BootstrapError(
            f"this Python has no ensurepip, so it cannot make a virtual environment. {problem}"
        ) from None
    importlib.invalidate_caches()
    if importlib.util.find_spec("ensurepip") is None:
        raise BootstrapError(f"{sys.executable} has no ensurepip even with python3-venv: install its own venv package.")


def _run(what: str, command: list[str]) -> int:
    """Run the command with its output in the log, showing what is being done and for how long; return its exit code."""
    began = time.monotonic()
    _say(what)
    with LOG.open("a") as log:
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    while True:
        try:
            return process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            _say(f"{what}: {time.monotonic() - began:.0f} s so far")


def _last_error() -> str:
    """The first line of the log that reports an error, or else its last line."""
    lines = [line.strip() for line in LOG.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "fatal"))]
    return next(iter(errors), lines[-1] if lines else "no output")


def _put_first_on_path(directory: Path) -> None:
    rest = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part != str(directory)]
    os.environ["PATH"] = os.pathsep.join([str(directory), *rest])


def _say(text: str) -> None:
    print(f"set-up: {text}", file=sys.stderr, flush=True)
