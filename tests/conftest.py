"""The servers that the tests use: those of `scripts/test`, or whichever the environment's URLs name."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

# Servers of the tests' own, beside those of a demo that may be running.
os.environ.setdefault("FIRST_VISCOUNT_RUN_DIR", str(ROOT / ".run" / "test"))
os.environ.setdefault("FIRST_VISCOUNT_PORT_BASE", "24100")

import local_servers  # noqa: E402 - found where the line above says

for _name, _value in local_servers.environment().items():
    os.environ.setdefault(_name, _value)
