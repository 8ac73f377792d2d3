"""Clients that people use read the engine's streams, and go on after their last event, on granian and on uvicorn."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import anyio
import pytest

from sse_gateway.sse import ensure_bytes
from sse_gateway.testing import EventStreamParser, ReceivedEvent

from ..servers import running, until
from .application import SAMPLE
from .client import CLIENTS, Client

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("server_name", ["granian", "uvicorn"]),
    pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name),
]

APP = "tests.sse.clients.application:app"
SENT = EventStreamParser().feed(b"".join(ensure_bytes(item, "\n") for item in SAMPLE))


@pytest.fixture(autouse=True)
def installed(client: Client) -> None:
    """`make test` installs them all, where it can."""
    for need in client.needs:
        if shutil.which(need) is None and not Path(need).exists():
            pytest.skip(f"{need} is not installed")


async def follow(client: Client, url: str, seen: list[ReceivedEvent], done: Callable[[], bool], directory: Path) -> int:
    """Read until that is enough, and open the client again, with the id of its last event, as often as it gives up. Returns
    how often it was opened."""
    opened = 0
    while not done():
        opened += 1
        async with client.reading(url, seen[-1].id if seen else "", directory) as events:
            async for event in events:
                seen.append(event)
                if done():
                    break
    return opened


async def test_it_reads_every_kind_of_event(client: Client, server_name: str, tmp_path: Path) -> None:
    query = "&".join(f"sep={quote(sep)}" for sep in client.separators)
    sent = [event for sep in client.separators for event in SENT]
    seen: list[ReceivedEvent] = []
    async with running(server_name, tmp_path, app=APP) as server:
        with anyio.fail_after(150):
            url = f"{server.url}/sample?{query}"
            assert await follow(client, url, seen, lambda: len(seen) == len(sent), tmp_path) == 1
    assert seen == [replace(event, data=cut(event.data)) if client.splits else event for event in sent]


def cut(data: str) -> str:
    """Each line up to what is an end of a line to Python only."""
    return "\n".join(line.splitlines()[0] for line in data.split("\n"))


async def test_it_comes_back_to_a_stream_that_has_ended(client: Client, server_name: str, tmp_path: Path) -> None:
    """The server ends each stream after five events, and is asked for what follows them."""
    seen: list[ReceivedEvent] = []
    async with running(server_name, tmp_path, app=APP) as server:
        with anyio.fail_after(150):
            url = f"{server.url}/counted?each=5"
            opened = await follow(client, url, seen, lambda: len(seen) == 15, tmp_path)
        assert re.findall("counted after (.*)", server.log)[:3] == ["None", "4", "9"]
    assert [event.data for event in seen] == [str(number) for number in range(15)]
    assert opened == (1 if client.reconnects else 3)


async def test_it_comes_back_to_a_server_that_was_killed(client: Client, server_name: str, tmp_path: Path) -> None:
    """In the middle of a stream; there is no server for a while, then another one at its place."""
    seen: list[ReceivedEvent] = []
    enough = anyio.Event()
    async with AsyncExitStack() as servers:
        server = await servers.enter_async_context(running(server_name, tmp_path, app=APP))
        async with anyio.create_task_group() as group:
            group.start_soon(follow, client, f"{server.url}/counted?each=0", seen, enough.is_set, tmp_path)
            await until(lambda: len(seen) > 10, 100, lambda: f"it has {seen}")
            server.kill()
            successor = await servers.enter_async_context(running(server_name, tmp_path, port=server.port, app=APP))
            await successor.logged("counted after", within=60)
            last = int(re.findall("counted after (.*)", successor.log)[0])
            await until(lambda: len(seen) > last + 10, 60, lambda: f"it has {seen}")
            enough.set()
    assert [event.data for event in seen] == [str(number) for number in range(len(seen))]
