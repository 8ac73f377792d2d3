"""Shutdown and disconnects on real servers, over real sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from sse_gateway.testing import EventStreamReader

from .servers import BOTH, COMMANDS, Server, frozen, running, until

pytestmark = pytest.mark.anyio

EVERY = [name for name in COMMANDS if name not in ("hypercorn", "daphne", "embedded")]


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The client's; the servers run both."""
    return "asyncio", {"use_uvloop": True}


async def open_streams(server: Server, group: anyio.abc.TaskGroup, ended: list[str]) -> None:
    """One stream of each kind, each read to its proper end."""
    for path in ("/stream/idle", "/stream/ticking", "/stream/cooperative", "/stream/farewell", "/stream/channel"):
        await group.start(read, server, path, ended)


async def read(
    server: Server, path: str, ended: list[str], *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    async with EventStreamReader(server.url + path) as stream:
        await stream.receive()
        task_status.started()
        events = await stream.receive_rest()
    ended.append(path)
    if path == "/stream/cooperative":
        assert events[-1].type == "farewell"
    if path == "/stream/farewell":
        assert 3000 <= (stream.parser.retry or 0) <= 6000


@pytest.mark.parametrize("name", EVERY)
async def test_sigterm_ends_every_stream_in_order_and_the_server_exits_by_itself(name: str, tmp_path: Path) -> None:
    async with running(name, tmp_path) as server:
        ended: list[str] = []
        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                await open_streams(server, group, ended)
                server.terminate()
        await server.exited()
        assert len(ended) == 5
        for name_ in ("idle", "ticking", "cooperative", "farewell"):
            assert server.log.count(f"{name_}: finally") == 1
        assert "channel: CancelledError" in server.log
        assert "cooperative: closed finished" in server.log
        assert "idle: closed shutdown" in server.log
        assert "lifespan: shutdown" in server.log
        assert "Traceback" not in server.log


async def all_sent(server: Server) -> None:
    await server.counts("bytes", 8_000_000)


async def given_up(server: Server) -> None:
    await server.logged("large: finally")


FROZEN = [
    ("/stream/large", Server.blocked, "large: closed shutdown"),
    ("/stream/cooperative?size=8000000", all_sent, "cooperative: finally"),  # ends by itself then
    ("/stream/large?lifetime=0.5", given_up, "large: closed expired"),
    ("/stream/once", Server.blocked, ""),  # has come to its end before
]


@pytest.mark.parametrize(("path", "ready", "logged"), FROZEN, ids=[path for path, *_ in FROZEN])
@pytest.mark.parametrize("name", BOTH)
async def test_a_frozen_client_does_not_keep_a_stopping_server(
    name: str, path: str, ready: Callable[[Server], Awaitable[None]], logged: str, tmp_path: Path
) -> None:
    """Without the engine's help it would never exit, as long as that client is there."""
    if path == "/stream/once" and name.startswith("granian"):
        return  # it takes the end of a stream also where its client takes nothing, and says no more of it
    async with running(name, tmp_path) as server:
        with frozen(server, path):
            await ready(server)
            server.terminate()
            await server.exited()
        assert logged in server.log
        assert "large" not in path or "large: finally" in server.log


@pytest.mark.parametrize("name", [*EVERY, "hypercorn"])
async def test_a_disconnect_is_noticed(name: str, tmp_path: Path) -> None:
    async with running(name, tmp_path) as server:
        for path, note in [
            ("/stream/idle", "idle: finally"),
            ("/stream/ticking", "ticking: finally"),
            ("/stream/tight", "tight: finally"),
            ("/stream/polling", "polling: finally"),
            ("/stream/threaded", "threaded: finally"),
            ("/stream/channel", "channel: CancelledError"),
        ]:
            async with EventStreamReader(server.url + path) as stream:
                await stream.receive()
            await server.logged(note)
        assert "idle: closed client" in server.log
        assert "Traceback" not in server.log


async def test_hypercorn_cuts_streams_after_its_own_time_and_their_cleanup_runs(tmp_path: Path) -> None:
    """Its workers are told to stop by other means than a signal, so nobody tells the streams."""
    async with running("hypercorn", tmp_path) as server:
        async with EventStreamReader(server.url + "/stream/idle") as stream:
            await stream.receive()
            server.terminate()
            await server.exited()
        assert "idle: finally" in server.log


@pytest.mark.parametrize("name", ["hypercorn", "granian", "uvicorn"])
async def test_streams_can_be_ended_by_hand(name: str, tmp_path: Path) -> None:
    async with running(name, tmp_path) as server, anyio.create_task_group() as group:
        ended: list[str] = []
        await group.start(read, server, "/stream/idle", ended)
        async with EventStreamReader(server.url + "/begin"):
            await server.logged("idle: closed shutdown")
        with anyio.fail_after(30):
            while not ended:
                await anyio.sleep(0.01)


async def test_a_server_inside_a_program_is_overheard_as_well(tmp_path: Path) -> None:
    """Hypercorn, in whose own workers that can't be."""
    async with running("embedded", tmp_path) as server, anyio.create_task_group() as group:
        ended: list[str] = []
        await group.start(read, server, "/stream/idle", ended)
        server.terminate()
        await server.exited()
        assert "idle: closed shutdown" in server.log


@pytest.mark.parametrize("name", ["uvicorn", "uvicorn-uvloop"])
async def test_a_client_that_freezes_before_the_end_does_not_hold_its_stream(name: str, tmp_path: Path) -> None:
    """The end has no timeout of its own, but a client that does not take it is dropped without an exception."""
    async with running(name, tmp_path) as server:
        with frozen(server, "/stream/once?send_timeout=1") as client:
            port = client.getsockname()[1]
            await server.logged("once: closed client")
            await until(lambda: not server.holds(port), 10, lambda: "the socket is there")
        assert "Traceback" not in server.log
