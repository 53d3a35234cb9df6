"""The Stripe-like server `localstripe`, on 127.0.0.1 only and with its store in memory only.

Its own command listens on every address, and after each write it pickles its whole store to one fixed file that all
instances on the machine share; both are changed here, nothing else.
"""

import argparse

from aiohttp import web
from localstripe.resources import Store  # type: ignore[import-untyped]
from localstripe.server import app  # type: ignore[import-untyped]


def _keep_in_memory(store: Store) -> None:
    """Leave the disk alone."""


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    options = parser.parse_args()
    Store.dump_to_disk = _keep_in_memory
    web.run_app(app, host="127.0.0.1", port=options.port, access_log=None, print=None, shutdown_timeout=1)


if __name__ == "__main__":
    main()
