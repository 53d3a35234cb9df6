"""What the front door of this checkout can be asked."""

from front_door.app import build_app

_CANCELLATION = "/v1/orders/{id}/cancellation"


def takes_cancellations() -> bool:
    """Whether customers can cancel their orders."""
    app = build_app("amqp://127.0.0.1")
    return any(resource.canonical == _CANCELLATION for resource in app.router.resources())
