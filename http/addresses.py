"""Ids in addresses."""

from uuid import UUID

from aiohttp import web

from .problems import NOT_FOUND, Problem


def identity_in(request: web.Request) -> UUID:
    """Return the id in the path; what is no UUID names nothing, so it raises a 404 `Problem`."""
    text = request.match_info["id"]
    try:
        return UUID(text)
    except ValueError:
        raise Problem(NOT_FOUND, f"Nothing is at {request.path}.") from None
