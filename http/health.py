"""For those who watch the process: does it live, can it serve."""

from aiohttp import web

from .connections import CONNECTIONS
from .json_body import json_response
from .problems import Unavailable


async def healthz(_request: web.Request) -> web.Response:
    """`GET /healthz`: 200 as long as the process answers at all."""
    return json_response({"status": "alive"})


async def readyz(request: web.Request) -> web.Response:
    """`GET /readyz`: 200 when both servers are there, else 503; says which one is not."""
    connections = request.app[CONNECTIONS]
    try:
        await connections.redis.run(("PING",))
    except Unavailable:
        redis = False
    else:
        redis = True
    servers = {"rabbitmq": connections.publisher.is_open, "redis": redis}
    return json_response(servers, 200 if all(servers.values()) else 503)
