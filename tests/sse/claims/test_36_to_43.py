"""Claims 36 to 43: reconnection, examples, Postman, the limiter, the commands."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sse_gateway import ConnectionLimiter, EventSourceResponse

from ..servers import ROOT
from ..wire import Wire, forever, serve, serving, some

pytestmark = pytest.mark.anyio


def test_41_postman() -> None:
    response = EventSourceResponse(some(), headers={"Content-Type": "text/event-stream"})
    assert [value for name, value in response.raw_headers if name == b"content-type"] == [b"text/event-stream"]


async def test_42_connection_limiter() -> None:
    """The document's example does not limit, since it returns before the stream starts. This one does, in an endpoint."""
    limiter = ConnectionLimiter(max_connections=2)

    async def limited_endpoint(request: Request) -> Response:
        return EventSourceResponse(forever("x"), limiter=limiter)

    app, wires = Starlette(routes=[Route("/", limited_endpoint)]), [Wire(path="/", query_string=b"") for _ in range(3)]
    async with serving(app, wires[0]) as first, serving(app, wires[1]):
        for wire in wires[:2]:
            await wire.asked.wait()
        assert (await serve(app, wires[2])).start["status"] == 503
        wires[0].leave()
        await first.done()
        again = Wire(path="/", query_string=b"")
        async with serving(app, again):
            await again.asked.wait()
            assert again.start["status"] == 200


@pytest.mark.parametrize("target", ["test-unit", "test", "fuzz"])
def test_43_one_command_for_each_suite(target: str) -> None:
    make = shutil.which("make")
    assert make is not None
    subprocess.run([make, "--dry-run", target], cwd=ROOT, check=True, capture_output=True, timeout=30)
