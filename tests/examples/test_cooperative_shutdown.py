"""Streams that are told when the server stops."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from sse_gateway.testing import EventStreamReader, ReceivedEvent

from ..sse.servers import Server
from .scripts import serving


@pytest.fixture(params=["uvicorn", "granian"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    """One for each test, since each ends it."""
    async with serving("cooperative_shutdown", tmp_path, on=request.param) as server:
        yield server


async def read(
    server: Server,
    path: str,
    received: dict[str, list[ReceivedEvent]],
    *,
    task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    async with EventStreamReader(server.url + path) as stream:
        first = await stream.receive()
        task_status.started()
        received[path] = [first, *await stream.receive_rest()]
    assert stream.parser.retry


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_each_stream_comes_to_its_end_and_the_server_exits_by_itself(
    server: Server, number: signal.Signals
) -> None:
    received: dict[str, list[ReceivedEvent]] = {}
    async with anyio.create_task_group() as group:
        for path in ("/report", "/news"):
            await group.start(read, server, path, received)
        server.terminate(number)
    await server.exited()
    *pages, paused = received["/report"]
    assert [page.data for page in pages] == [f"page {number}" for number in range(1, len(pages) + 1)]
    assert (paused.type, paused.data) == ("paused", f'{{"next":{len(pages) + 1}}}')
    assert [(event.type, event.data) for event in received["/news"]] == [
        ("message", "no news yet"),
        ("bye", "be right back"),
    ]
    for name in ("report", "news"):
        assert server.log.count(f"{name}: finally") == 1
    assert "Traceback" not in server.log
