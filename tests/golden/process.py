"""The scene of a gateway as a process: every byte on its sockets, as granian writes them."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import anyio

from ..end_to_end.gateway import Gateway, running
from .transcript import Transcript

COMMAND = (sys.executable, str(Path(__file__).with_name("fixed_gateway.py")))
CONFIG = """
[drain]
delay = "0s"
spread = "0s"
[limits]
clients = 4
[sources.hook]
channel = "hook"
[sources.hook.webhook]
path = "/hook"
max_body = "100B"
[[routes]]
path = "/events/{name}"
channels = ["{path.name}"]
[[routes]]
path = "/status/{name}"
channels = ["{path.name}"]
busy = "status"
"""
STREAMS = {
    "an event stream over HTTP/1.1": ("HTTP/1.1", "text/event-stream"),
    "an event stream over HTTP/1.0": ("HTTP/1.0", "text/event-stream"),
    "NDJSON over HTTP/1.1": ("HTTP/1.1", "application/x-ndjson"),
    "NDJSON over HTTP/1.0": ("HTTP/1.0", "application/x-ndjson"),
}
REQUESTS = (
    ("HEAD", "/events/hook", "accept: text/event-stream"),
    ("HEAD", "/events/hook", "accept: application/x-ndjson"),
    ("GET", "/nowhere", ""),
    ("POST", "/events/hook", ""),
    ("OPTIONS", "/events/hook", ""),
    ("GET", "/events/hook", "accept: text/html"),
    ("GET", "/events/a%20b", ""),
    ("GET", "/hook", ""),
    ("POST", "/hook", "content-length: 101\r\nexpect: 100-continue"),
    ("POST", "/hook", "content-encoding: gzip"),
)
BUSY = (
    ("GET", "/events/hook", "accept: text/event-stream"),
    ("GET", "/events/hook", "accept: application/x-ndjson"),
    ("GET", "/status/hook", "accept: text/event-stream"),
)


class Peer:
    """One connection."""

    def __init__(self, stream: anyio.abc.SocketStream) -> None:
        self._stream = stream
        self.received = b""

    async def until(self, text: bytes) -> None:
        """Read until this has come."""
        while text not in self.received:
            self.received += await self._stream.receive()

    async def read_all(self) -> None:
        """Read until the other side has closed."""
        async for chunk in self._stream:
            self.received += chunk


@asynccontextmanager
async def asking(url: str, head: str, body: str = "") -> AsyncIterator[Peer]:
    """A connection with one request on it."""
    parts = urlsplit(url)
    async with await anyio.connect_tcp(parts.hostname or "", parts.port or 80) as stream:
        await stream.send(f"{head}\r\nhost: gateway\r\n\r\n{body}".encode())
        yield Peer(stream)


async def answer(url: str, method: str, path: str, header: str = "", body: str = "") -> bytes:
    """Everything up to the end of the connection."""
    lines = [f"{method} {path} HTTP/1.1", *([header] if header else []), "connection: close"]
    async with asking(url, "\r\n".join(lines), body) as peer:
        await peer.read_all()
        return peer.received


async def sockets() -> str:
    """Streams from their opening to the farewell of a drain, and the shorter answers."""
    record = Transcript()
    with TemporaryDirectory() as folder:
        async with running(Path(folder), CONFIG, COMMAND) as gateway:
            for method, path, header in REQUESTS:
                record.bytes(f"{method} {path}, {header!r}", await answer(gateway.public, method, path, header))
            record.bytes("GET /livez", await answer(gateway.admin, "GET", "/livez"))
            await _follow_streams(gateway, record)
    return str(record)


async def _follow_streams(gateway: Gateway, record: Transcript) -> None:
    async with AsyncExitStack() as stack:
        peers = {
            title: await stack.enter_async_context(
                asking(gateway.public, f"GET /events/hook {version}\r\naccept: {accept}")
            )
            for title, (version, accept) in STREAMS.items()
        }
        for peer in peers.values():
            await peer.until(b"gateway.at")
        for method, path, header in BUSY:
            record.bytes(f"at the limit, {path}, {header!r}", await answer(gateway.public, method, path, header))
        for data in ("one", "two\nlines"):
            posted = await answer(gateway.public, "POST", "/hook", f"content-length: {len(data)}", data)
            record.bytes(f"POST /hook with {data!r}", posted)
            for peer in peers.values():
                await peer.until(data.encode()[-3:])
        gateway.terminate(signal.SIGTERM)
        for title, peer in peers.items():
            await peer.read_all()
            record.bytes(title, peer.received)


SCENES: dict[str, Callable[[], Awaitable[str]]] = {"sockets": sockets}
