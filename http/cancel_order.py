"""`POST /v1/orders/{id}/cancellation`: the customer does not want an order any more."""

from typing import Annotated, Any
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from contexts.coordination.messages import CancelOrder
from contexts.identity import part
from contexts.messages import first_cause
from contexts.subscriptions import actor_address

from .addresses import identity_in
from .connections import CONNECTIONS
from .json_body import canonical_json, json_response, whole_body
from .problems import INVALID_CANCELLATION, ORDER_ALREADY_ENDED, Problem
from .show_order import HEADERS, composed, parts_of_order
from .tracing import traceparent_of
from .validation import validated

COORDINATION = actor_address("coordination", CancelOrder)

#: What is left of an order that has ended: nothing that a cancellation could undo.
_ENDED = {
    "REJECTED": "was rejected: nothing is held, charged or sent",
    "RETURNED": "came back already: its money was given back",
}

_NOT_SAFE = "The cancellation could not be handed over safely; send the same request again."


class CancellationRequest(BaseModel):
    """The body: the customer's own words, if there are any."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    reason: Annotated[str, Field(max_length=500)] = ""


async def cancel_order(request: web.Request) -> web.Response:
    """Accept a cancellation; what becomes of it is told at the order's own address.

    An order that is under way is undone, one that is completed comes back if its parcel can still be stopped. There is
    no Idempotency-Key: an order is cancelled once, so that a repeat is the same message and changes nothing.
    """
    order_id = identity_in(request)
    wish = await _wish(request)
    async with parts_of_order(request, order_id) as (order, parts):
        _refuse_if_ended(order_id, order)
        await _hand_over(request, order_id, wish)
        view = await composed(order_id, order, parts)
    return json_response(view, 202, {**HEADERS, "Location": f"/v1/orders/{order_id}"})


async def _wish(request: web.Request) -> CancellationRequest:
    """Read the body, which may be missing; raises `Problem`."""
    if not await whole_body(request):
        return CancellationRequest()
    body = await canonical_json(request, INVALID_CANCELLATION)
    return validated(CancellationRequest, body, INVALID_CANCELLATION)


def _refuse_if_ended(order_id: UUID, order: dict[str, Any] | None) -> None:
    if order is None:
        return
    refusal = order.get("return_refusal")
    if ended := f"cannot come back: {refusal}" if refusal else _ENDED.get(order["status"]):
        raise Problem(ORDER_ALREADY_ENDED, f"Order {order_id} {ended}.")


async def _hand_over(request: web.Request, order_id: UUID, wish: CancellationRequest) -> None:
    command = CancelOrder(order_id=order_id, reason=wish.reason)
    stamped = first_cause(part(order_id, "cancellation"), command, order_id, traceparent_of(request))
    await request.app[CONNECTIONS].commands.hand_over(COORDINATION, stamped.to_json(), _NOT_SAFE)
