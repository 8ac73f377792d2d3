"""Claims 36 to 43: reconnection, examples, Postman, the limiter, the commands."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sse_gateway import ConnectionLimiter, EventSourceResponse

from ..servers import ROOT
from ..wire import Wire, forever, serve, serving, some
from .database import AsyncSession, stream_database_results, users

pytestmark = pytest.mark.anyio


async def test_39_each_generator_has_a_database_session_of_its_own(tmp_path: Path) -> None:
    """So streams that overlap don't share one, and none is closed under a stream that still reads (claim 19)."""
    database = users(tmp_path)
    sessions, wires = [AsyncSession(database) for _ in range(3)], [Wire(takes=2) for _ in range(3)]
    async with AsyncExitStack() as stack:
        for session, wire in zip(sessions, wires, strict=True):
            await stack.enter_async_context(serving(EventSourceResponse(stream_database_results(session)), wire))
            await wire.sending()
        wires[0].leave()
        with anyio.fail_after(5):
            while not sessions[0].closed:
                await anyio.sleep(0.001)
        for wire in wires[1:]:
            wire.take()
            await wire.until(lambda wire=wire: wire.ended)  # type: ignore[misc]
    assert [wire.data() for wire in wires] == [["Ada"], ["Ada", "Grace", "Joan"], ["Ada", "Grace", "Joan"]]
    assert [session.closed for session in sessions] == [1, 1, 1]


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
