"""Clients that people use, each as it is: browsers, and programs in processes of their own."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import anyio
from anyio.abc import ByteReceiveStream

from sse_gateway.testing import EventStreamParser, ReceivedEvent

from ...end_to_end.browsers import Browser, browsing
from ..servers import ROOT
from ..streams import SEPARATORS

__all__ = ["CLIENTS", "Client", "open_source", "seen_by"]

HERE = Path(__file__).parent
TYPES = ["message", "update"]
"""What an EventSource is asked to tell of."""

Events = AsyncGenerator[ReceivedEvent, None]
Decoder = Callable[[bytes], list[ReceivedEvent]]


class Client(Protocol):
    """One of them."""

    @property
    def name(self) -> str: ...

    @property
    def reconnects(self) -> bool:
        """Whether it comes back by itself, with its last event id; others are opened again with the header."""

    @property
    def separators(self) -> tuple[str, ...]:
        """What it takes for the end of a line."""

    @property
    def splits(self) -> bool:
        """Whether it ends a line at U+2028 and its like, too, and drops the rest: these are data."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Programs and paths without which it can't run."""

    def reading(self, url: str, last_event_id: str, directory: Path) -> AbstractAsyncContextManager[Events]:
        """The events of a stream as they come, until the client gives up."""


@dataclass(frozen=True)
class Program:
    """A client that prints what it gets."""

    name: str
    command: Callable[[str, str], list[str]]
    """From the address and the last event id."""
    decoder: Callable[[], Decoder]
    reconnects: bool = False
    separators: tuple[str, ...] = tuple(SEPARATORS)
    splits: bool = False
    needs: tuple[str, ...] = ()

    @asynccontextmanager
    async def reading(self, url: str, last_event_id: str, directory: Path) -> AsyncIterator[Events]:
        command = self.command(url, last_event_id)
        async with await anyio.open_process(command, cwd=ROOT, stdin=None, stderr=None) as process:
            assert process.stdout is not None
            try:
                async with aclosing(self._events(process.stdout)) as events:
                    yield events
            finally:
                with suppress(ProcessLookupError):
                    process.kill()

    async def _events(self, output: ByteReceiveStream) -> Events:
        decode = self.decoder()
        async for chunk in output:
            for event in decode(chunk):
                yield event


@dataclass(frozen=True)
class Page:
    """A page in a browser."""

    name: str
    reconnects: bool = True
    separators: tuple[str, ...] = tuple(SEPARATORS)
    splits: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.name,)

    @asynccontextmanager
    async def reading(self, url: str, last_event_id: str, directory: Path) -> AsyncIterator[Events]:
        async with browsing(self.name, directory) as browser:
            await open_source(browser, url, TYPES)
            async with aclosing(self._events(browser)) as events:
                yield events

    async def _events(self, browser: Browser) -> Events:
        while True:
            for event in await seen_by(browser):
                yield event
            await anyio.sleep(0.02)


async def open_source(browser: Browser, url: str, types: list[str]) -> None:
    """An EventSource in a page of the same server, which keeps what it sees of these types."""
    path = url[url.index("/", len("http://")) :]
    await browser.go(url.removesuffix(path) + "/")
    await browser.run(f"""(() => {{
        window.seen = []
        window.source = new EventSource({json.dumps(path)})
        for (const type of {json.dumps(types)})
            source.addEventListener(type, event => seen.push([event.type, event.data, event.lastEventId]))
        return true
    }})()""")


async def seen_by(browser: Browser) -> list[ReceivedEvent]:
    """What it has seen since it was last asked."""
    return [ReceivedEvent(*fields) for fields in await browser.run("seen.splice(0)")]


def read_lines() -> Decoder:
    """What `reading.put` and `node.mjs` write."""
    rest = b""

    def decode(chunk: bytes) -> list[ReceivedEvent]:
        nonlocal rest
        *lines, rest = (rest + chunk).split(b"\n")
        return [ReceivedEvent(*json.loads(line)) for line in lines]

    return decode


def run_curl(url: str, last_event_id: str) -> list[str]:
    headers = ["--header", f"last-event-id: {last_event_id}"] if last_event_id else []
    return ["curl", "--silent", "--show-error", "--no-buffer", *headers, url]


def run_node(url: str, last_event_id: str) -> list[str]:
    assert not last_event_id, "it comes back by itself"
    return ["node", str(HERE / "node.mjs"), url, *TYPES]


def run_python(name: str) -> Callable[[str, str], list[str]]:
    return lambda url, last_event_id: [sys.executable, "-m", "tests.sse.clients.reading", name, url, last_event_id]


CLIENTS: list[Client] = [
    Page("chromium"),
    Page("firefox-esr"),
    Program("eventsource", run_node, read_lines, reconnects=True, needs=("node", str(HERE / "node_modules"))),
    Program("curl", run_curl, lambda: EventStreamParser().feed, needs=("curl",)),
    Program("httpx-sse", run_python("httpx-sse"), read_lines),
    Program("sseclient-py", run_python("sseclient-py"), read_lines),
    Program("aiosseclient", run_python("aiosseclient"), read_lines, separators=("\r\n", "\n"), splits=True),
]
