"""Products: the catalog's part and the inventory's part of one read model."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from aiohttp import web

from contexts.catalog.messages import ShowProduct
from contexts.inventory.messages import ShowStock
from contexts.money import LARGEST_AMOUNT
from contexts.orders.messages import PlaceOrder
from persistence.read_models import model_key

from .addresses import identity_in
from .connections import CONNECTIONS, Connections
from .json_body import json_response
from .problems import INVALID_ORDER, NOT_FOUND, Fault, Problem, Unavailable
from .tracing import traceparent_of

#: The most that one order may cost, in any currency: what a DECIMAL(10, 2) column holds.
LARGEST_TOTAL = Decimal(LARGEST_AMOUNT).scaleb(-2)


def product_key(product_id: UUID) -> str:
    """Return the key of the hash with the fields `catalog` and `stock`."""
    return model_key("product", str(product_id))


async def show_product(request: web.Request) -> web.Response:
    """`GET /v1/products/{id}`: what the catalog tells of a product, and how many can be had at this moment."""
    product_id = identity_in(request)
    connections = request.app[CONNECTIONS]
    ((catalog, stock),) = await connections.redis.run(("HMGET", product_key(product_id), "catalog", "stock"))
    if catalog is None or stock is None:
        return await _asked_for(request, connections, product_id, catalog, stock)
    return json_response({**orjson.loads(catalog), "available_stock": orjson.loads(stock)["available"]})


async def _asked_for(
    request: web.Request, connections: Connections, product_id: UUID, catalog: bytes | None, stock: bytes | None
) -> web.Response:
    ask, trace = connections.queries.ask, traceparent_of(request)
    asked_stock = None if stock else ask(ShowStock, trace, product_id=product_id)
    try:
        body = orjson.loads(catalog) if catalog else await ask(ShowProduct, trace, product_id=product_id)
        if body is None:
            raise Problem(NOT_FOUND, f"There is no product {product_id}.")
        try:
            levels = orjson.loads(stock or b"null") if asked_stock is None else await asked_stock
        except Unavailable:
            return json_response({**body, "available_stock": None, "incomplete": ["stock"]})
        return json_response({**body, "available_stock": levels["available"] if levels else 0})
    finally:
        if asked_stock is not None:
            asked_stock.cancel()


async def check_products(
    connections: Connections,
    command: PlaceOrder,
    first_lines: Mapping[UUID, int],
    kept: Mapping[UUID, bytes | None],
    traceparent: str,
) -> None:
    """Raise `Problem` unless every product is on sale in the currency, and all of them for an amount that can be paid.

    What is not kept is asked for, all at once.
    """
    asked = {
        product_id: connections.queries.ask(ShowProduct, traceparent, product_id=product_id)
        for product_id, view in kept.items()
        if view is None
    }
    try:
        bodies = {
            product_id: await asked[product_id] if view is None else orjson.loads(view)
            for product_id, view in kept.items()
        }
    finally:
        for future in asked.values():
            future.cancel()
    now = datetime.now(UTC)
    found = {product_id: _price(body, command.currency, now) for product_id, body in bodies.items()}
    prices = {product_id: price for product_id, price in found.items() if price is not None}
    faults = [
        _fault(product_id, body, first_lines[product_id], command.currency)
        for product_id, body in bodies.items()
        if product_id not in prices
    ]
    if faults:
        raise Problem(INVALID_ORDER, "Not everything in this order is on sale.", faults)
    total = sum(line.quantity * prices[line.product_id] for line in command.lines)
    if total > LARGEST_TOTAL:
        fault = Fault("/lines", f"all together cost {total}, and {LARGEST_TOTAL} is the most of one order")
        raise Problem(INVALID_ORDER, "This order is too large.", [fault])


def _price(body: dict[str, Any] | None, currency: str, at: datetime) -> Decimal | None:
    """Return the highest price that holds, None without one: the order is priced when its context takes it."""
    if body is None or body["status"] != "ACTIVE":
        return None
    return max((Decimal(price["price"]) for price in body["prices"] if holds(price, currency, at)), default=None)


def _fault(product_id: UUID, body: dict[str, Any] | None, line: int, currency: str) -> Fault:
    """Return why a product has no price."""
    if body is None:
        return Fault(f"/lines/{line}/product_id", f"there is no product {product_id}")
    if body["status"] != "ACTIVE":
        return Fault(f"/lines/{line}/product_id", f"product {product_id} is not on sale")
    return Fault("/currency", f"product {product_id} has no price in {currency}")


def holds(price: dict[str, Any], currency: str, at: datetime) -> bool:
    """Whether a price of a view holds: a view may be kept longer than a price in it does. The end is exclusive."""
    if price["currency"] != currency or at < datetime.fromisoformat(price["effective_from"]):
        return False
    end = price["effective_to"]
    return end is None or at < datetime.fromisoformat(end)
