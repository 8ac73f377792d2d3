"""Claims whose test starts and stops a real server."""

from __future__ import annotations

import signal
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import anyio
import pytest

from sse_gateway.testing import EventStreamReader

from ...examples import (
    test_basic,
    test_broadcasting,
    test_connection_limit,
    test_cooperative_shutdown,
    test_custom_protocol,
    test_database_streaming,
    test_error_handling,
    test_memory_channels,
    test_push,
    test_send_timeout,
)
from ...examples.scripts import DEMONSTRATIONS, EXAMPLES, demonstrate
from ..servers import BOTH, ROOT, Server, running

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


SHOWN: dict[str, Callable[[Server], Awaitable[None]]] = {
    "basic": test_basic.test_it_tells_the_time,
    "broadcasting": test_broadcasting.test_everybody_gets_every_message,
    "connection_limit": test_connection_limit.test_the_third_stream_is_refused_until_another_ends,
    "cooperative_shutdown": partial(
        test_cooperative_shutdown.test_each_stream_comes_to_its_end_and_the_server_exits_by_itself,
        number=signal.SIGTERM,
    ),
    "custom_protocol": test_custom_protocol.test_an_answer_comes_word_by_word,
    "database_streaming": test_database_streaming.test_the_session_is_closed_once,
    "error_handling": test_error_handling.test_an_error_in_the_middle_is_an_event,
    "memory_channels": test_memory_channels.test_all_items_arrive_and_the_producer_ends_the_stream,
    "push": test_push.test_tasks_write_side_by_side_and_the_stream_ends_with_the_function,
    "send_timeout": test_send_timeout.test_a_frozen_client_is_dropped_and_its_connection_is_gone_while_another_reads,
}
"""By example, what its own tests see when it is run as a script, on uvicorn."""


@pytest.mark.parametrize("example", EXAMPLES)
async def test_37_examples(example: str, tmp_path: Path) -> None:
    """Each shows on granian too what it is there for."""
    async with running("granian", tmp_path, app=f"examples.{example}:app") as server:
        await SHOWN[example](server)


@pytest.mark.parametrize("name", DEMONSTRATIONS)
def test_38_demonstrations(name: str) -> None:
    """Each runs, checks itself and exits with 0."""
    assert demonstrate(name)


async def data_until_it_breaks(stream: EventStreamReader) -> list[str]:
    found: list[str] = []
    with suppress(anyio.IncompleteRead, anyio.BrokenResourceError):
        async for data in data_of(stream):
            found.append(data)  # noqa: PERF401  # what came before it broke is kept
    return found


async def data_of(stream: EventStreamReader) -> AsyncIterator[str]:
    while True:
        yield (await stream.receive()).data
