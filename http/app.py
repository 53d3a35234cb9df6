"""The application: its routes are its table of contents."""

from functools import partial

from aiohttp import web

from .cancel_order import cancel_order
from .connections import connections
from .expectations import meet_expectation
from .health import healthz, readyz
from .json_body import LARGEST_BODY
from .place_order import place_order
from .problems import problems
from .products import show_product
from .show_order import show_order


def build_app(rabbitmq_url: str) -> web.Application:
    """Return the application; REDIS_URL is taken from the environment. It starts without its servers, too."""
    get, post = (partial(route, expect_handler=meet_expectation) for route in (web.get, web.post))
    app = web.Application(middlewares=[problems], client_max_size=LARGEST_BODY)
    app.cleanup_ctx.append(connections(rabbitmq_url))
    app.add_routes(
        [
            post("/v1/orders", place_order),
            get("/v1/orders/{id}", show_order),
            post("/v1/orders/{id}/cancellation", cancel_order),
            get("/v1/products/{id}", show_product),
            get("/healthz", healthz),
            get("/readyz", readyz),
        ]
    )
    return app
