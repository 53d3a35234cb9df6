"""`POST /v1/orders`: check an order, give it its id, hand it over, and say where it can be watched."""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid5

from aiohttp import web
from redis.asyncio.client import Pipeline

from contexts.messages import Destination, first_cause
from contexts.orders.messages import PlaceOrder
from contexts.subscriptions import actor_address
from persistence.amqp import Publisher, Unconfirmed

from .connections import CONNECTIONS, Connections
from .idempotency import A_DAY, caller, fingerprint, fingerprint_key, idempotency_key, is_repeated
from .json_body import canonical_json, json_response
from .order_request import OrderRequest
from .problems import Unavailable
from .products import check_products, product_key
from .tracing import traceparent_of

#: Seconds in which RabbitMQ must have confirmed an order; its client is waiting.
CONFIRM_DEADLINE = 2.0

#: Seconds between attempts to publish while there is no connection.
PAUSE = 0.1

ORDERS = actor_address("orders", PlaceOrder)


async def place_order(request: web.Request) -> web.Response:
    """Accept an order; what becomes of it is told at its own address.

    Nothing is accepted unchecked: with Redis away the products cannot be looked up, so the answer is 503. Under the
    same key the client may send it again for as long as it likes and gets one order.
    """
    key = idempotency_key(request)
    body = await canonical_json(request)
    order = OrderRequest.parse(body)
    order_id = uuid5(caller(request), key)
    command = order.command(order_id, order.customer.named())
    connections, traceparent = request.app[CONNECTIONS], traceparent_of(request)
    repeated = await _admit(connections, command, order.first_lines(), fingerprint(body), traceparent)
    stamped = first_cause(uuid5(order_id, "PlaceOrder"), command, order_id, traceparent)
    await hand_over(connections.publisher, ORDERS, [stamped.to_json()])
    return _accepted(order_id, repeated)


async def _admit(
    connections: Connections, command: PlaceOrder, first_lines: Mapping[UUID, int], sent: bytes, traceparent: str
) -> bool:
    """Whether the order was accepted before; raises `Problem` unless it can be accepted.

    The key is taken only after the check, so that an order that was refused can be mended and sent again under it.
    One that was accepted before is not checked again: a product may have gone off sale since.
    """
    key = fingerprint_key(command.order_id)

    def look_up(pipeline: Pipeline) -> None:
        pipeline.get(key)
        for product_id in first_lines:
            pipeline.hget(product_key(product_id), "catalog")

    kept, *views = await connections.redis.run(look_up)
    if is_repeated(kept, sent):
        return True
    await check_products(connections, command, first_lines, dict(zip(first_lines, views, strict=True)), traceparent)
    (kept,) = await connections.redis.run(lambda pipeline: pipeline.set(key, sent, ex=A_DAY, nx=True, get=True))
    return is_repeated(kept, sent)


async def hand_over(publisher: Publisher, destination: Destination, messages: Sequence[bytes]) -> None:
    """Return when RabbitMQ has the messages safely; raises `Unavailable` when it did not say so in time.

    A publish without a confirm may have arrived all the same. To repeat it is harmless: the inbox knows the ids.
    """
    deadline = asyncio.get_running_loop().time() + CONFIRM_DEADLINE
    try:
        async with asyncio.timeout_at(deadline):
            while True:
                try:
                    return await publisher.publish(destination, messages)
                except Unconfirmed:
                    await asyncio.sleep(PAUSE)
    except TimeoutError as error:
        detail = "The order could not be handed over safely; send the same request with the same Idempotency-Key again."
        raise Unavailable(detail) from error


def _accepted(order_id: UUID, repeated: bool) -> web.Response:
    location = f"/v1/orders/{order_id}"
    headers = {"Location": location}
    if repeated:
        headers["Idempotent-Replayed"] = "true"
    return json_response({"order_id": order_id, "status": "ACCEPTED", "location": location}, 202, headers)
