"""`GET /v1/orders/{id}`: one order, put together from what three contexts tell of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import orjson
from aiohttp import web

from contexts.coordination.messages import ShowJourney
from contexts.delivery.messages import ShowShipment
from contexts.messages import Query
from contexts.orders.messages import ShowOrder
from persistence.read_models import model_key

from .addresses import identity_in
from .connections import CONNECTIONS
from .idempotency import fingerprint_key
from .json_body import json_response
from .problems import NOT_FOUND, Problem, Unavailable
from .tracing import traceparent_of

Body = dict[str, Any]
Parts = dict[str, "asyncio.Future[Body | None]"]

#: Part (and read model) -> the question for it.
PARTS: dict[str, type[Query]] = {"order": ShowOrder, "shipment": ShowShipment, "journey": ShowJourney}

#: Members of the answer that are the order's own, as its context tells them.
_OWN = (
    *("status", "order_number", "currency", "total", "rejection_reason", "return_reason", "return_refusal"),
    *("created_at", "completed_at", "returned_at", "metadata"),
)

#: It holds a person's data and is out of date soon.
HEADERS = {"Cache-Control": "no-store"}


async def show_order(request: web.Request) -> web.Response:
    """Tell how an order stands. Parts that cannot be had in time are null and named in `incomplete`."""
    order_id = identity_in(request)
    async with parts_of_order(request, order_id) as (order, parts):
        return json_response(await composed(order_id, order, parts), headers=HEADERS)


@asynccontextmanager
async def parts_of_order(request: web.Request, order_id: UUID) -> AsyncIterator[tuple[Body | None, Parts]]:
    """Ask for all parts of an order; its own part is awaited, None if its context has not come to the order yet.

    Raises `Problem` for an order that nobody knows, and `NoAnswer` when its context is silent.
    """
    accepted, *kept = await request.app[CONNECTIONS].redis.run(
        ("EXISTS", fingerprint_key(order_id)),
        *(("HGET", model_key(part, str(order_id)), part) for part in PARTS),
    )
    parts = _all_asked_for(request, order_id, dict(zip(PARTS, kept, strict=True)))
    try:
        order = await parts["order"]
        if order is None and not accepted:
            raise Problem(NOT_FOUND, f"There is no order {order_id}.")
        yield order, parts
    finally:
        for part in parts.values():
            part.cancel()


def _all_asked_for(request: web.Request, order_id: UUID, kept: dict[str, bytes | None]) -> Parts:
    parts: Parts = {}
    for part, view in kept.items():
        if view is None:
            parts[part] = request.app[CONNECTIONS].queries.ask(PARTS[part], traceparent_of(request), order_id=order_id)
        else:
            parts[part] = asyncio.get_running_loop().create_future()
            parts[part].set_result(orjson.loads(view))
    return parts


async def composed(order_id: UUID, order: Body | None, parts: Parts) -> Body:
    """Put an order's view together from what its parts turn out to be."""
    if order is None:
        return _just_accepted(order_id)
    told: Body = {}
    incomplete = []
    for part in ("shipment", "journey"):
        try:
            told[part] = await parts[part]
        except Unavailable:
            told[part] = None
            incomplete.append(part)
    answer = _just_accepted(order_id) | {name: order.get(name) for name in _OWN}
    answer["customer"] = {
        "id": order.get("customer_id"),
        "email": order.get("customer_email"),
        "phone": order.get("customer_phone"),
    }
    answer |= {"lines": order["lines"], "payments": order["payments"], "shipment": told["shipment"]}
    if told["journey"]:
        answer["timeline"] = told["journey"]["timeline"]
        answer["journey"] = {name: told["journey"].get(name) for name in ("status", "current_step", "return")}
    elif "journey" in incomplete:
        answer["timeline"] = None
    return answer | {"incomplete": incomplete} if incomplete else answer


def _just_accepted(order_id: UUID) -> Body:
    """Return what can be told of an order whose context has not come to it yet."""
    empty: Body = {"order_id": order_id, **dict.fromkeys(_OWN), "customer": None, "lines": [], "payments": []}
    return empty | {"status": "ACCEPTED", "shipment": None, "journey": None, "timeline": []}
