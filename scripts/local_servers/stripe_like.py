"""localstripe, a server that speaks Stripe's API, kept on loopback and in memory.

Its own command would listen on every network interface and keep the state in one file for the whole machine.
"""

import argparse

from aiohttp import web
from localstripe import resources  # type: ignore[import-untyped]
from localstripe.server import app  # type: ignore[import-untyped]


def _keep_nothing(store: resources.Store) -> None:
    """Take the place of writing the whole store to disk after every change."""


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    options = parser.parse_args()
    resources.Store.dump_to_disk = _keep_nothing
    web.run_app(app, host="127.0.0.1", port=options.port, access_log=None, print=None)


if __name__ == "__main__":
    main()
