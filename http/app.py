"""The application: its routes are its table of contents."""

from aiohttp import web

from .connections import connections
from .health import healthz, readyz
from .json_body import LARGEST_BODY
from .place_order import place_order
from .problems import problems
from .products import show_product
from .show_order import show_order


def build_app(rabbitmq_url: str) -> web.Application:
    """Return the application; REDIS_URL is taken from the environment. It starts without its servers, too."""
    app = web.Application(middlewares=[problems], client_max_size=LARGEST_BODY)
    app.cleanup_ctx.append(connections(rabbitmq_url))
    app.add_routes(
        [
            web.post("/v1/orders", place_order),
            web.get("/v1/orders/{id}", show_order),
            web.get("/v1/products/{id}", show_product),
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
        ]
    )
    return app
