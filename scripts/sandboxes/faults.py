"""Faults of a remote server, switched on and off while it runs.

`GET /faults` shows the settings, `PUT /faults` replaces them, `DELETE /faults` ends all faults. Each also tells, as
`struck`, how many requests met which fault since the settings came into force; a DELETE tells it of those that it ends.
`/faults` itself and `/healthz` are never harmed. Each request throws its own dice, from a seeded generator, so a run
can be repeated.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Annotated

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Rate = Annotated[float, Field(ge=0, le=1)]
UNHARMED = frozenset({"/faults", "/healthz"})


class FaultSettings(BaseModel):
    """What goes wrong, and how often. Rates are between 0 (never) and 1 (every request).

    `latency_ms` + up to `jitter_ms` (milliseconds) pass before the work. `drop_before_rate` closes the connection and
    `error_rate` answers 503, both without doing the work. `drop_after_rate` does the work and closes the connection
    without a reply; `timeout_rate` does the work and replies `timeout_seconds` later.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_ms: Annotated[float, Field(ge=0)] = 0
    jitter_ms: Annotated[float, Field(ge=0)] = 0
    error_rate: Rate = 0
    drop_before_rate: Rate = 0
    drop_after_rate: Rate = 0
    timeout_rate: Rate = 0
    timeout_seconds: Annotated[float, Field(ge=0)] = 30
    seed: int = 1

    def harmful(self) -> bool:
        """Tell whether any request can meet a fault."""
        rates = (self.error_rate, self.drop_before_rate, self.drop_after_rate, self.timeout_rate)
        return any(rates) or self.latency_ms + self.jitter_ms > 0


class Faults:
    """The settings in force, with their dice, and how often they struck."""

    def __init__(self) -> None:
        self.switch(FaultSettings())

    def switch(self, settings: FaultSettings) -> None:
        """Put other settings in force, and start their dice from the seed."""
        self.settings = settings
        self.on = settings.harmful()
        self.struck: Counter[str] = Counter()
        self._dice = Random(settings.seed)

    def strikes(self, name: str, rate: float) -> bool:
        """Throw the dice for a fault of this rate, and count it if it strikes."""
        struck = rate > 0 and self._dice.random() < rate
        if struck:
            self.struck[name] += 1
        return struck

    def latency(self) -> float:
        """Return how many seconds this request is held up before the work."""
        seconds = (self.settings.latency_ms + self.settings.jitter_ms * self._dice.random()) / 1000
        if seconds:
            self.struck["latency"] += 1
        return seconds


FAULTS = web.AppKey("faults", Faults)


@web.middleware
async def harm(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the request pass, or do to it what the settings say."""
    faults = request.app[FAULTS]
    if not faults.on or request.path in UNHARMED:
        return await handler(request)
    return await _harmed(request, handler, faults)


async def _harmed(request: web.Request, handler: Handler, faults: Faults) -> web.StreamResponse:
    settings = faults.settings
    if delay := faults.latency():
        await asyncio.sleep(delay)
    if faults.strikes("drop_before", settings.drop_before_rate):
        return _hang_up(request)
    if faults.strikes("error", settings.error_rate):
        return web.json_response({"error": "a fault was asked for; nothing was done"}, status=503)
    response = await handler(request)
    if faults.strikes("drop_after", settings.drop_after_rate):
        return _hang_up(request)
    if faults.strikes("timeout", settings.timeout_rate):
        await asyncio.sleep(settings.timeout_seconds)
    return response


def _hang_up(request: web.Request) -> web.Response:
    """Close the connection; the response that is returned can no longer be sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


def _shown(faults: Faults, struck: Mapping[str, int]) -> web.Response:
    return web.json_response(faults.settings.model_dump() | {"struck": dict(struck)})


async def _show(request: web.Request) -> web.Response:
    faults = request.app[FAULTS]
    return _shown(faults, faults.struck)


async def _replace(request: web.Request) -> web.Response:
    try:
        settings = FaultSettings.model_validate_json(await request.read())
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors()]
        return web.json_response({"error": problems}, status=400)
    request.app[FAULTS].switch(settings)
    return await _show(request)


async def _reset(request: web.Request) -> web.Response:
    faults = request.app[FAULTS]
    struck = faults.struck
    faults.switch(FaultSettings())
    return _shown(faults, struck)


def add_faults(app: web.Application) -> None:
    """Give the server its `/faults` address and the middleware that obeys it."""
    app[FAULTS] = Faults()
    app.middlewares.append(harm)
    app.router.add_get("/faults", _show)
    app.router.add_put("/faults", _replace)
    app.router.add_delete("/faults", _reset)
