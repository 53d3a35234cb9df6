"""`POST /v1/orders`: check an order, give it its id, hand it over, and say where it can be watched."""

from collections.abc import Mapping
from uuid import UUID

from aiohttp import web

from contexts.identity import part
from contexts.messages import first_cause
from contexts.orders.messages import PlaceOrder
from contexts.subscriptions import actor_address

from .connections import CONNECTIONS, Connections
from .idempotency import A_DAY, caller, fingerprint, fingerprint_key, id_of_order, idempotency_key, is_repeated
from .json_body import canonical_json, json_response
from .order_request import OrderRequest
from .problems import INVALID_ORDER
from .products import check_products, product_key
from .tracing import traceparent_of

ORDERS = actor_address("orders", PlaceOrder)

#: What a client is told whose order may not have arrived.
_NOT_SAFE = "The order could not be handed over safely; send the same request with the same Idempotency-Key again."


async def place_order(request: web.Request) -> web.Response:
    """Accept an order; what becomes of it is told at its own address.

    Nothing is accepted unchecked: with Redis away the products cannot be looked up, so the answer is 503. Under the
    same key the client may send it again for as long as it likes and gets one order.
    """
    key = idempotency_key(request)
    body = await canonical_json(request, INVALID_ORDER)
    order = OrderRequest.parse(body)
    order_id = id_of_order(caller(request), key)
    command = order.command(order_id, order.customer.named())
    connections, traceparent = request.app[CONNECTIONS], traceparent_of(request)
    repeated = await _admit(connections, command, order.first_lines(), fingerprint(body), traceparent)
    stamped = first_cause(part(order_id, "PlaceOrder"), command, order_id, traceparent)
    await connections.commands.hand_over(ORDERS, stamped.to_json(), _NOT_SAFE)
    return _accepted(order_id, repeated)


async def _admit(
    connections: Connections, command: PlaceOrder, first_lines: Mapping[UUID, int], sent: bytes, traceparent: str
) -> bool:
    """Whether the order was accepted before; raises `Problem` unless it can be accepted.

    The key is taken only after the check, so that an order that was refused can be mended and sent again under it.
    One that was accepted before is not checked again: a product may have gone off sale since.
    """
    key = fingerprint_key(command.order_id)
    looked_up = [("HGET", product_key(product_id), "catalog") for product_id in first_lines]
    kept, *views = await connections.redis.run(("GET", key), *looked_up)
    if is_repeated(kept, sent):
        return True
    await check_products(connections, command, first_lines, dict(zip(first_lines, views, strict=True)), traceparent)
    (kept,) = await connections.redis.run(("SET", key, sent, "EX", A_DAY, "NX", "GET"))
    return is_repeated(kept, sent)


def _accepted(order_id: UUID, repeated: bool) -> web.Response:
    location = f"/v1/orders/{order_id}"
    headers = {"Location": location}
    if repeated:
        headers["Idempotent-Replayed"] = "true"
    return json_response({"order_id": order_id, "status": "ACCEPTED", "location": location}, 202, headers)
