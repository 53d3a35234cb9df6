"""The sandbox payment gateway: a card network's front desk on loopback, whose faults can be switched.

POST /v1/operations       array of requests -> array of outcomes; idempotent for ever by idempotency_key; a card token
                          that begins with tok_silent_ is the card of the token without it (tok_silent_visa:
                          tok_visa), whose authorisation is done, and answered with an error whenever it is asked for or
                          looked up; it can be voided
POST /v1/lookup           array of idempotency keys -> array of outcomes, null for a key never seen
GET  /v1/payments         ?payment_id=..&payment_id=.. -> the payments that exist among these
GET  /v1/payments/export  all payments, in pages
GET  /v1/totals           counts and sums
"""

from dataclasses import asdict

import orjson
from aiohttp import web

from sandboxes.card_network import CardNetwork
from sandboxes.journal import Journal
from sandboxes.payment_requests import MalformedRequest, PaymentRequest, payment_request
from sandboxes.serving import application, batch, batch_of_names, main, page, raw_reply, reply

NETWORK = web.AppKey("network", CardNetwork)
JOURNAL = web.AppKey("journal", Journal)


async def perform(request: web.Request) -> web.Response:
    """Perform a batch. What is new is in the journal before anything is done, so before anything is told."""
    network = request.app[NETWORK]
    wanted = [_read(item) for item in await batch(request)]
    request.app[JOURNAL].append(
        item for item in wanted if not isinstance(item, bytes) and network.answered(item["idempotency_key"]) is None
    )
    outcomes = [item if isinstance(item, bytes) else network.perform(item) for item in wanted]
    return raw_reply(b"[" + b",".join(outcomes) + b"]")


def _read(item: object) -> PaymentRequest | bytes:
    """Return the request, or at once the outcome of one that cannot be read."""
    try:
        return payment_request(item)
    except MalformedRequest as error:
        return orjson.dumps({"status": "error", "reason": str(error)})


async def look_up(request: web.Request) -> web.Response:
    """Tell what was answered under each of these keys."""
    network = request.app[NETWORK]
    answers = [network.answered(key) or b"null" for key in await batch_of_names(request)]
    return raw_reply(b"[" + b",".join(answers) + b"]")


async def show_payments(request: web.Request) -> web.Response:
    """Show the payments that are asked for by id."""
    return reply(request.app[NETWORK].find(request.query.getall("payment_id", [])))


async def export(request: web.Request) -> web.Response:
    """Show one page of all payments, in the order of their authorisation."""
    return page(request, "payments", request.app[NETWORK].payments, asdict)


async def totals(request: web.Request) -> web.Response:
    """Show counts and sums."""
    return reply(request.app[NETWORK].totals)


def payment_gateway(journal: Journal) -> web.Application:
    """Return the gateway with everything that its journal remembers."""
    network = CardNetwork()
    for record in journal.replay():
        network.perform(payment_request(record))
    app = application()
    app[NETWORK], app[JOURNAL] = network, journal
    app.router.add_post("/v1/operations", perform)
    app.router.add_post("/v1/lookup", look_up)
    app.router.add_get("/v1/payments", show_payments)
    app.router.add_get("/v1/payments/export", export)
    app.router.add_get("/v1/totals", totals)
    return app


if __name__ == "__main__":
    main(__doc__, payment_gateway)
