"""Claims whose test starts and stops a real server."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from sse_gateway.testing import EventStreamReader

from ..servers import BOTH, ROOT, running

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The client's; the servers run on both."""
    return "asyncio", {"use_uvloop": True}


@pytest.mark.parametrize("server_name", ["granian", "uvicorn", "hypercorn", "daphne"])
async def test_02_extras_for_servers(server_name: str, tmp_path: Path) -> None:
    """Each server runs the quick start, and has its extra (hypercorn is one more)."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {"examples", "uvicorn", "granian", "daphne"} <= extras.keys()
    async with running(server_name, tmp_path) as server, EventStreamReader(server.url + "/ten") as stream:
        events = await stream.receive_rest()
    assert [event.data for event in events] == [f"Event {number}" for number in range(10)]


@pytest.mark.parametrize("server_name", [*BOTH, "granian-workers", "granian-mt"])
async def test_08_graceful_shutdown(server_name: str, tmp_path: Path) -> None:
    """Three idle streams and SIGTERM: it exits by itself, each `finally` ran, and the lifespan's end."""
    async with running(server_name, tmp_path) as server:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                await group.start(read_to_the_end, server.url + "/stream/idle")
            server.terminate()
            await server.exited(within=1)
        assert server.log.count("idle: finally") == 3
        assert server.log.count("lifespan: shutdown") == server.log.count("lifespan: startup")


async def read_to_the_end(url: str, *, task_status: anyio.abc.TaskStatus[None]) -> None:
    async with EventStreamReader(url) as stream:
        await stream.receive()
        task_status.started()
        assert await stream.receive_rest() == []


@pytest.mark.parametrize("server_name", BOTH)
async def test_36_client_reconnection(server_name: str, tmp_path: Path) -> None:
    """The server is killed in the middle and started again: the client goes on with its id, without gap or duplicate."""
    async with running(server_name, tmp_path) as server:
        async with EventStreamReader(server.url + "/stream/counted") as stream:
            before = [(await stream.receive()).data for _ in range(20)]
            server.kill()
            before += await data_until_it_breaks(stream)
        last, port = stream.last_event_id, server.port
    async with running(server_name, tmp_path, port=port) as server:
        async with EventStreamReader(server.url + "/stream/counted", last_event_id=last) as stream:
            after = [(await stream.receive()).data for _ in range(20)]
    assert before + after == [str(number) for number in range(len(before) + len(after))]


async def data_until_it_breaks(stream: EventStreamReader) -> list[str]:
    found: list[str] = []
    with suppress(anyio.IncompleteRead, anyio.BrokenResourceError):
        async for data in data_of(stream):
            found.append(data)  # noqa: PERF401  # what came before it broke is kept
    return found


async def data_of(stream: EventStreamReader) -> AsyncIterator[str]:
    while True:
        yield (await stream.receive()).data
