"""How every sandbox server is started: one process, loopback only, uvloop where it is installed."""

import argparse
import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from sandboxes.faults import add_faults
from sandboxes.journal import Journal

#: The most requests of one batch, and the bytes that such a batch may have.
MOST_REQUESTS = 1000
MOST_BYTES = 4 * 1024 * 1024
#: How long a stopping server lets unfinished requests run, in seconds.
SHUTDOWN_SECONDS = 1


def reply(content: object, status: int = 200) -> web.Response:
    """Return a JSON response."""
    return raw_reply(orjson.dumps(content), status)


def raw_reply(body: bytes, status: int = 200) -> web.Response:
    """Return a response whose JSON is already encoded."""
    return web.Response(body=body, status=status, content_type="application/json")


async def batch(request: web.Request) -> list[Any]:
    """Read a JSON array of 1 to 1000 elements; anything else ends the request with status 400."""
    try:
        items = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise refusal(f"the body is not JSON: {error}") from error
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_REQUESTS:
        raise refusal(f"the body must be an array of 1 to {MOST_REQUESTS} elements")
    return items


async def batch_of_names(request: web.Request) -> list[str]:
    """Read a JSON array of 1 to 1000 strings; anything else ends the request with status 400."""
    names = await batch(request)
    if not all(isinstance(name, str) for name in names):
        raise refusal("every element of the array must be a string")
    return names


def page(request: web.Request, name: str, records: list[Any], shown: Callable[[Any], object]) -> web.Response:
    """Answer one page of a list that only grows: `?after=` is the `next` of the page before, `?limit=` its size."""
    try:
        after, limit = int(request.query.get("after", "0")), int(request.query.get("limit", "1000"))
    except ValueError as error:
        raise refusal(f"after and limit must be whole numbers: {error}") from error
    if after < 0 or not 1 <= limit <= 10_000:
        raise refusal("after must not be negative, limit must be between 1 and 10000")
    end = after + limit
    return reply({name: [shown(record) for record in records[after:end]], "next": end if end < len(records) else None})


def refusal(sentence: str) -> web.HTTPBadRequest:
    """Return the exception that ends a request with status 400 and a reason."""
    return web.HTTPBadRequest(body=orjson.dumps({"error": sentence}), content_type="application/json")


async def _healthy(request: web.Request) -> web.Response:
    return reply({"status": "ok"})


def application() -> web.Application:
    """Return a web application with the addresses that all sandbox servers have."""
    app = web.Application(client_max_size=MOST_BYTES)
    app.router.add_get("/healthz", _healthy)
    add_faults(app)
    return app


def serve(app: web.Application, port: int) -> None:
    """Serve on 127.0.0.1 until SIGINT or SIGTERM."""
    web.run_app(
        app,
        host="127.0.0.1",
        port=port,
        loop=_event_loop(),
        access_log=None,
        print=None,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )


def _event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def main(description: str | None, build: Callable[[Journal], web.Application]) -> None:
    """Run a sandbox server from the command line: `--port PORT --journal FILE`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--journal", type=Path, required=True, help="file that keeps what must survive a restart")
    options = parser.parse_args()
    journal = Journal(options.journal)
    app = build(journal)

    async def close_journal(_: web.Application) -> AsyncIterator[None]:
        yield
        journal.close()

    app.cleanup_ctx.append(close_journal)
    serve(app, options.port)
