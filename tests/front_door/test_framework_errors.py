"""Errors of the HTTP framework are problems, too; those without a kind of ours mean just their status."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientTimeout, web
from aiohttp.test_utils import TestClient, TestServer
from front_door.problems import problems


def raised(error: web.HTTPException) -> tuple[int, Any, bytes]:
    """Return what a client sees of an error that a handler behind the middleware raises."""

    async def handler(_request: web.Request) -> web.Response:
        raise error

    async def ask() -> tuple[int, Any, bytes]:
        app = web.Application(middlewares=[problems])
        app.router.add_get("/", handler)
        async with TestClient(TestServer(app)) as client, client.get("/", allow_redirects=False) as response:
            return response.status, response.headers, await response.read()

    return asyncio.run(ask())


@pytest.mark.parametrize("path", ["/v1/orders/none", "/v1/products/none", "/healthz", "/readyz"])
def test_an_expectation_that_nobody_can_meet_is_a_problem_of_no_kind_but_its_status(door: Any, path: str) -> None:
    answer = door.get(path, Expect="tea", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")

    assert (answer.status, answer.headers["Content-Type"]) == (417, "application/problem+json")
    assert answer.content == {
        "type": "about:blank",
        "title": "Expectation Failed",
        "status": 417,
        "detail": "Expectation Failed",
        "trace_id": "a" * 32,
    }


def test_an_order_with_an_expectation_that_nobody_can_meet_is_not_enqueued(door: Any, product: UUID) -> None:
    answer = door.post(door.an_order((product, 1)), Expect="tea")

    assert (answer.status, answer.content["type"]) == (417, "about:blank")
    assert door.queued() == []


def test_a_client_that_waits_to_be_told_to_go_on_is_told(door: Any, product: UUID) -> None:
    method, path, options = door.posting(door.an_order((product, 1)))

    (answer,) = door.ask_all((method, path, {**options, "expect100": True, "timeout": ClientTimeout(5)}))

    assert answer.status == 202


def test_an_error_without_a_kind_keeps_its_headers_but_not_its_text() -> None:
    challenge = {"WWW-Authenticate": "Bearer", "Retry-After": "7"}

    status, headers, body = raised(web.HTTPUnauthorized(headers=challenge, text="plain"))

    assert (status, headers.getall("Content-Type")) == (401, ["application/problem+json"])
    assert {name: headers[name] for name in challenge} == challenge
    assert b'"about:blank"' in body
    assert b"plain" not in body


def test_a_redirection_is_no_problem() -> None:
    status, headers, _ = raised(web.HTTPSeeOther("/elsewhere"))

    assert (status, headers["Location"], headers["Content-Type"]) == (303, "/elsewhere", "text/plain; charset=utf-8")
