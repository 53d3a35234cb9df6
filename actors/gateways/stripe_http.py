"""The line to Stripe: only what Stripe itself can have said is handed to the SDK."""

from collections.abc import Mapping
from typing import Any

import orjson
import stripe
from stripe import RequestsClient


class StripeLine(RequestsClient):
    """An HTTP client that raises `stripe.APIError` for every answer that is a fault of the line or of a server on it.

    Those are all 5xx, bodies that are not JSON objects, and errors in another shape than Stripe's: load balancers and
    proxies answer in shapes of their own, on which the SDK's parser may fail with an `AttributeError`.
    """

    def request(  # type: ignore[override]  # the base class declares what no client of the SDK keeps
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send a request; return the body, the status and the headers of the answer."""
        body, status, received = super().request(method, url, headers, post_data)
        if status >= 500 or not _is_stripes(body, status):
            raise stripe.APIError(f"status {status}: {body[:200]!r}", http_body=body, http_status=status)
        return body, status, received


def _is_stripes(body: bytes, status: int) -> bool:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(answer, dict) and (status < 400 or isinstance(answer.get("error"), dict))
