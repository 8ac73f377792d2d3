"""What a stream does on a real server that goes on running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median
from time import monotonic

import anyio
import httpx
import pytest

from sse_gateway.testing import EventStreamReader

from .servers import BOTH, Server, frozen, running, until

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The client's; the servers run on both."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="module", params=[*BOTH, "hypercorn"])
async def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with running(request.param, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(started: Server) -> Server:
    """One of the servers, with a log in which nothing stands yet."""
    started.forget()
    return started


@pytest.mark.parametrize("path", ["/stream/ticking", "/stream/tight"])
async def test_a_stream_does_not_delay_a_plain_request(server: Server, path: str) -> None:
    """Not by more than 50 ms, even if the stream never waits; more only where all requests are slow, on a busy machine."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        alone = await usual_delay(client)
        async with EventStreamReader(server.url + path) as stream, anyio.create_task_group() as group:
            group.start_soon(keep_reading, stream)
            beside = await usual_delay(client)
            group.cancel_scope.cancel()
    assert beside < 0.05 + 20 * alone


async def usual_delay(client: httpx.AsyncClient) -> float:
    """The median of some requests, in seconds."""
    delays = []
    for _ in range(11):
        began = monotonic()
        await client.get("/counts")
        delays.append(monotonic() - began)
    return median(delays)


async def keep_reading(stream: EventStreamReader) -> None:
    while True:
        await stream.receive_bytes()


async def test_a_stream_that_asks_whether_its_client_is_there(server: Server) -> None:
    """Ten of ten runs deliver ten events to a client that is there, and one that leaves ends the loop."""
    for _ in range(10):
        async with EventStreamReader(server.url + "/stream/polling10") as stream:
            assert len(await stream.receive_rest()) == 10
    async with EventStreamReader(server.url + "/stream/polling") as stream:
        await stream.receive()
    await server.logged("polling: finally")


async def test_a_generator_sees_a_disconnect_as_cancelled_error(server: Server) -> None:
    """It is seen by a generator that waits, and by one whose event is on its way to a client that takes nothing."""
    async with EventStreamReader(server.url + "/stream/idle") as stream:
        await stream.receive()
    await server.logged("idle: cancelled")
    with frozen(server, "/stream/large"):
        await server.blocked()
    await server.logged("large: cancelled")


@pytest.mark.parametrize(("options", "reason"), [("", "timeout"), ("&lifetime=0.5", "expired")])
async def test_a_client_that_never_reads_is_gone(server: Server, options: str, reason: str) -> None:
    """Also if its stream expires before. The generator's `finally` runs. Otherwise the socket would stay as long as it does."""
    with frozen(server, f"/stream/large?send_timeout=1{options}") as client:
        port = client.getsockname()[1]
        await server.logged(f"large: closed {reason}")
        await server.logged("large: finally")
        await until(lambda: not server.holds(port), 10, lambda: "the socket is there")
    assert "Traceback" not in server.log


async def test_a_fast_producer_waits_for_its_slow_client(server: Server) -> None:
    """Nothing piles up here, and others are not held."""
    with frozen(server, "/stream/large"):
        await server.blocked()
        held = server.resident()
        async with EventStreamReader(server.url + "/stream/ticking") as stream:
            assert [(await stream.receive()).data for _ in range(100)] == [str(number) for number in range(100)]
        assert server.resident() - held < 10 * 1024


@pytest.mark.parametrize("server_name", ["granian", "uvicorn", "hypercorn", "daphne"])
async def test_each_server_runs_a_stream_to_its_end(server_name: str, tmp_path: Path) -> None:
    async with running(server_name, tmp_path) as server, EventStreamReader(server.url + "/stream/polling10") as stream:
        events = await stream.receive_rest()
    assert [event.data for event in events] == [str(number) for number in range(10)]
