"""Installing Debian packages without letting them start their own services."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

# An exit code of 101 from policy-rc.d forbids a package to start its service (Debian's invoke-rc.d asks it). A policy
# that is already there is set aside and put back, also when this was interrupted the last time.
SCRIPT = """
set -u
policy=/usr/sbin/policy-rc.d
aside=$policy.before-first-viscount
restore() { rm -f "$policy"; if [ -e "$aside" ]; then mv "$aside" "$policy"; fi; }
trap restore EXIT
trap 'exit 1' HUP INT TERM
if [ -e "$policy" ] && [ ! -e "$aside" ]; then mv "$policy" "$aside"; fi
printf '#!/bin/sh\\nexit 101\\n' > "$policy"
chmod 755 "$policy"
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"; }
install "$@" || { apt-get update && install "$@"; }
"""


class AptError(Exception):
    """Raised when packages cannot be installed; the text says why and what to do."""


def install(packages: tuple[str, ...], log: Path, say: Callable[[str], None]) -> None:
    """Install the packages as root, or through sudo where it asks for no password; the output goes to the log."""
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise AptError(f"This system has no apt-get: install what Debian calls {names} by its own means.")
    say(f"installing {names} (log: {log})")
    with log.open("a") as output:
        # In a session of its own, so that a Ctrl-C at the terminal does not leave a package half configured.
        ended = subprocess.run(
            [*_as_root(names), "sh", "-c", SCRIPT, "install", *packages],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if ended.returncode != 0:
        raise AptError(
            f"apt-get could not install {names}. Its log is {log}. Check the package sources and the network, "
            f"or run `apt-get install --no-install-recommends {names}` by hand."
        )


def _as_root(names: str) -> list[str]:
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    raise AptError(f"Installing needs root: run `sudo apt-get install --no-install-recommends {names}`.")
