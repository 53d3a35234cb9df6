"""Starts the front door: `python -m front_door [--host HOST] [--port PORT] [--reuse-port]`."""

import argparse
import gc
import logging
import os
import sys

import uvloop
from aiohttp import web

from .app import build_app
from .settings import SettingsError, rabbitmq_url

#: Seconds that requests under way have to finish after SIGTERM; the rest of ten is for closing connections.
SHUTDOWN_SECONDS = 5.0

#: Clients that may wait to be let in: a burst of new connections must not be turned away.
BACKLOG = 2048

#: Objects more than before that make the garbage collector look at the young ones.
YOUNG_OBJECTS = 5_000

logger = logging.getLogger("front_door")


def main() -> None:
    """Serve until SIGTERM or SIGINT. Exit status 2: wrong settings; 1: the port cannot be had."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # the publisher says once, and shorter, what went wrong
    try:
        app = build_app(rabbitmq_url())
    except SettingsError as error:
        print(f"front_door: {error}", file=sys.stderr)
        sys.exit(2)
    _spare_collections()
    logger.info("listening on http://%s:%s", options.host, options.port)
    try:
        web.run_app(
            app,
            host=options.host,
            port=options.port,
            reuse_port=options.reuse_port,
            backlog=BACKLOG,
            shutdown_timeout=SHUTDOWN_SECONDS,
            access_log=None,
            print=None,
            loop=uvloop.new_event_loop(),
        )
    except OSError as error:
        print(f"front_door: cannot listen on {options.host}:{options.port}: {error.strerror}", file=sys.stderr)
        sys.exit(1)


def _spare_collections() -> None:
    """Let the garbage collector look at what requests leave, less often, and at what was imported never again.

    Dozens of requests are under way at a time: by default it goes over their thousands of objects, all of them in use,
    many times before they end.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="front_door", description="The HTTP front door.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=os.environ.get("PORT", "8080"), help="default: $PORT, or 8080")
    parser.add_argument("--reuse-port", action="store_true", help="let several processes share the port")
    return parser.parse_args()


if __name__ == "__main__":
    main()
