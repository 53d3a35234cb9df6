"""What is told when a request comes to nothing: problem details (RFC 9457), of one form for every error."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson
from aiohttp import web

from .tracing import traceparent_of

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: `slug` is the stable last part of its `type`, which clients may depend on.

    Without a slug it means no more than its HTTP status, whose reason phrase is its title (RFC 9457, 4.2.1).
    """

    slug: str | None
    status: int
    title: str

    @property
    def type(self) -> str:
        """The URI reference that names the kind."""
        return "about:blank" if self.slug is None else f"/problems/{self.slug}"


MALFORMED = Kind("malformed-request", 400, "The request cannot be read")
NO_IDEMPOTENCY_KEY = Kind("idempotency-key-missing", 400, "The request needs an Idempotency-Key")
NOT_FOUND = Kind("not-found", 404, "There is no such thing here")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, "This method is not for this address")
BODY_TOO_LARGE = Kind("body-too-large", 413, "The body is too large")
NOT_JSON = Kind("unsupported-media-type", 415, "The body must be application/json")
INVALID_ORDER = Kind("invalid-order", 422, "The order cannot be accepted as it is")
IDEMPOTENCY_KEY_REUSED = Kind("idempotency-key-reused", 422, "The Idempotency-Key belongs to another request")
ORDER_ALREADY_ENDED = Kind("order-already-ended", 409, "The order has ended already")
INVALID_CANCELLATION = Kind("invalid-cancellation", 422, "The cancellation cannot be accepted as it is")
INTERNAL = Kind("internal-error", 500, "Something went wrong on this side")
UNAVAILABLE = Kind("unavailable", 503, "Not possible at this moment")
NO_ANSWER = Kind("no-answer-in-time", 504, "The answer did not come in time")

_BY_STATUS = {kind.status: kind for kind in (MALFORMED, NOT_FOUND, METHOD_NOT_ALLOWED, BODY_TOO_LARGE, NOT_JSON)}

#: Seconds after which a client may try again what was not possible at the moment.
RETRY_AFTER = "2"

#: Headers of framework errors that describe their own body. All others belong into the answer: a 405 must say what is
#: allowed (RFC 9110, 15.5.6), a 401 how to authenticate (15.5.2).
_OF_THE_BODY = ("Content-Type", "Content-Length", "Content-Encoding")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one member of the body; `pointer` is a JSON pointer (RFC 6901)."""

    pointer: str
    detail: str


class Problem(Exception):
    """Raised by a handler to answer with a problem; `detail` and `faults` are shown to the client."""

    def __init__(
        self, kind: Kind, detail: str, faults: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.faults = faults
        self.headers = headers or {}


class Unavailable(Problem):
    """Raised when a server behind the front door is away: nothing is wrong with the request, it may come again."""

    def __init__(self, detail: str, kind: Kind = UNAVAILABLE) -> None:
        super().__init__(kind, detail, headers={"Retry-After": RETRY_AFTER})


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into a problem. What nobody foresaw is logged under the trace id; the client is told no more."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem_response(request, problem)
    except web.HTTPError as error:
        return problem_response(request, framework_problem(request, error))
    except web.HTTPException:  # a redirection, say: no error, and an answer already
        raise
    except Exception:
        logger.exception("%s %s failed, trace %s", request.method, request.path, _trace_id(request))
        return problem_response(request, Problem(INTERNAL, "The fault is logged under the trace id."))


def framework_problem(request: web.Request, error: web.HTTPError) -> Problem:
    """Return an error of aiohttp as a problem: of our kind for its status, or of none but the status."""
    kind = _BY_STATUS.get(error.status) or Kind(None, error.status, error.reason)
    details = {
        NOT_FOUND: f"Nothing is at {request.path}.",
        METHOD_NOT_ALLOWED: f"{request.method} is not for {request.path}.",
        BODY_TOO_LARGE: f"At most {request.client_max_size} bytes are taken.",
    }
    headers = error.headers.copy()
    for name in _OF_THE_BODY:
        headers.popall(name, None)
    return Problem(kind, details.get(kind, error.reason), headers=headers)


def problem_response(request: web.Request, problem: Problem) -> web.Response:
    """Return the answer that tells a problem."""
    content: dict[str, object] = {
        "type": problem.kind.type,
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": str(problem),
        "trace_id": _trace_id(request),
    }
    if problem.faults:
        content["errors"] = problem.faults
    return web.Response(
        status=problem.kind.status,
        body=orjson.dumps(content),
        content_type="application/problem+json",
        headers=problem.headers,
    )


def _trace_id(request: web.Request) -> str:
    return traceparent_of(request).split("-")[1]
