"""A faulty line to a server that has no faults of its own to switch: forwards every request, harmed by `/faults`.

`--port PORT --upstream URL`. It answers `/healthz` and `/faults` itself.
"""

import argparse
from collections.abc import AsyncIterator

from aiohttp import ClientError, ClientSession, web

from sandboxes.serving import application, reply, serve

UPSTREAM = web.AppKey("upstream", str)
LINE = web.AppKey("line", ClientSession)
#: Headers that belong to one connection, not to the message (RFC 9110, section 7.6.1).
PER_CONNECTION = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "host"}
)


async def forward(request: web.Request) -> web.Response:
    """Send the request on and return the reply; 502 when the server behind cannot be reached."""
    headers = {name: value for name, value in request.headers.items() if name.lower() not in PER_CONNECTION}
    url = request.app[UPSTREAM] + request.raw_path
    body = await request.read()
    try:
        async with request.app[LINE].request(request.method, url, headers=headers, data=body) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in PER_CONNECTION}
            return web.Response(body=await answer.read(), status=answer.status, headers=kept)
    except ClientError as error:
        return reply({"error": f"{url}: {error}"}, status=502)


async def _keep_line(app: web.Application) -> AsyncIterator[None]:
    async with ClientSession() as line:
        app[LINE] = line
        yield


def fault_proxy(upstream: str) -> web.Application:
    """Return a proxy to the server at this URL."""
    app = application()
    app[UPSTREAM] = upstream.rstrip("/")
    app.cleanup_ctx.append(_keep_line)
    app.router.add_route("*", "/{path:.*}", forward)
    return app


def main() -> None:
    """Run the proxy from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--upstream", required=True, help="URL of the server behind, without a path")
    options = parser.parse_args()
    serve(fault_proxy(options.upstream), options.port)


if __name__ == "__main__":
    main()
