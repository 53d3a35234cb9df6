"""`Expect`: what a client wants to be promised before it sends a body (RFC 9110, 10.1.1)."""

from aiohttp import HttpVersion11, web

from .problems import framework_problem, problem_response


async def meet_expectation(request: web.Request) -> web.Response | None:
    """Tell the client to go on, or answer 417 to an expectation that is unknown.

    A route's `expect_handler`: it runs before every middleware, so it has to answer by itself. To HTTP/1.0 the header
    means nothing.
    """
    if request.version < HttpVersion11:
        return None
    if request.headers["Expect"].lower() != "100-continue":
        return problem_response(request, framework_problem(request, web.HTTPExpectationFailed()))
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # what was written is no part of the answer
    return None
