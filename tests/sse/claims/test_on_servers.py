"""Claims whose test needs a real server, and leaves it running."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from statistics import median
from time import monotonic

import anyio
import httpx
import pytest

from sse_gateway.testing import EventStreamReader

from ..servers import BOTH, Server, frozen, running, until

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
async def test_06_async_await(server: Server, path: str) -> None:
    """A stream does not delay a plain request by more than 50 ms, even if it never waits."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        alone = await usual_delay(client)
        async with EventStreamReader(server.url + path) as stream, anyio.create_task_group() as group:
            group.start_soon(keep_reading, stream)
            beside = await usual_delay(client)
            group.cancel_scope.cancel()
    assert beside - alone < 0.05


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


async def test_07_automatic_client_disconnect_detection(server: Server) -> None:
    """The generator waits for ever and never asks; its `finally` runs within a second."""
    async with EventStreamReader(server.url + "/stream/idle") as stream:
        await stream.receive()
    await server.logged("idle: finally", within=1)
    await server.logged("idle: closed client", within=1)


async def test_20_is_disconnected_in_the_loop(server: Server) -> None:
    """Ten of ten runs deliver ten events to a client that is there, and one that leaves ends the loop."""
    for _ in range(10):
        async with EventStreamReader(server.url + "/stream/polling10") as stream:
            assert len(await stream.receive_rest()) == 10
    async with EventStreamReader(server.url + "/stream/polling") as stream:
        await stream.receive()
    await server.logged("polling: finally", within=1)


async def test_21_except_cancelled_error_on_disconnect(server: Server) -> None:
    """It is seen by a generator that waits, and by one whose event is on its way to a client that takes nothing."""
    async with EventStreamReader(server.url + "/stream/idle") as stream:
        await stream.receive()
    await server.logged("idle: cancelled", within=1)
    with frozen(server, "/stream/large"):
        await server.blocked()
    await server.logged("large: cancelled", within=1)


async def test_22_send_timeout(server: Server) -> None:
    """A client that never reads: the timeout comes, `finally` runs, and the socket is gone."""
    with frozen(server, "/stream/large?send_timeout=1") as client:
        port = client.getsockname()[1]
        await server.blocked()
        began = monotonic()
        await server.logged("large: closed timeout", within=2)
        await server.logged("large: finally", within=1)
        await until(lambda: not server.holds(port), 3, lambda: "the socket is there")
        assert monotonic() - began < 3
    assert "Traceback" not in server.log


async def test_31_monitored_stream(server: Server) -> None:
    """It counts as many events as its client got, give or take one."""
    async with EventStreamReader(server.url + "/stream/monitored") as stream:
        got = [(await stream.receive()).data for _ in range(3)]
    await server.logged("monitored: disconnected after", within=1)
    assert re.findall(r"disconnected after (\d+)\.", server.log) in [[str(len(got) + more)] for more in (-1, 0, 1)]


async def test_34_connections_are_limited(server: Server) -> None:
    """The third of two gets 503 and Retry-After, and one again when another has left."""
    async with EventStreamReader(server.url + "/limited") as first, httpx.AsyncClient(base_url=server.url) as client:
        await first.receive()
        async with EventStreamReader(server.url + "/limited") as second:
            await second.receive()
            refused = await client.get("/limited")
            assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (503, True)
        with anyio.fail_after(2):
            while (await client.get("/counts")).json()["open"] > 1:
                await anyio.sleep(0.01)
        async with EventStreamReader(server.url + "/limited") as third:
            await third.receive()


async def test_35_a_slow_consumer_with_a_fast_producer(server: Server) -> None:
    """The producer waits for its client: nothing piles up here, and others are not held."""
    with frozen(server, "/stream/large"):
        await server.blocked()
        held = server.resident()
        async with EventStreamReader(server.url + "/stream/ticking") as stream:
            assert [(await stream.receive()).data for _ in range(100)] == [str(number) for number in range(100)]
        assert server.resident() - held < 10 * 1024


async def test_40_no_hanging_connection_after_a_disconnect(server: Server) -> None:
    """Neither asking nor a timeout is needed for a client that leaves; one that hangs needs the timeout alone."""
    async with EventStreamReader(server.url + "/stream/idle") as stream:
        await stream.receive()
    await server.logged("idle: finally", within=1)
    with frozen(server, "/stream/large?send_timeout=1") as client:
        port = client.getsockname()[1]
        await server.logged("large: closed timeout", within=5)
        await until(lambda: not server.holds(port), 2, lambda: "the socket is there")
