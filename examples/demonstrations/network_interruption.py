"""The line breaks, twice: once it is cut, once it only goes silent. The client comes back and has missed nothing.

    python examples/demonstrations/network_interruption.py

Between client and server stands a proxy that can do both. A cut is an error at once. Silence, as when the Wi-Fi is off, looks
like a stream without news; pings tell them apart, since a client that hears nothing for longer than their interval knows. You see
the client come back with the id of its last event, after the time that `retry` gave it, and get every number once.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import anyio
import httpx
from anyio.abc import SocketAttribute, SocketStream, TaskStatus
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from local_client import events_of
from local_server import serving
from sse_gateway import Event, EventSourceResponse, last_event_id

PING = 0.2


class Line:
    """A TCP proxy for one connection after another."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._scope = anyio.CancelScope()
        self._silent = False

    async def serve(self, *, task_status: TaskStatus[int]) -> None:
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            task_status.started(listener.extra(SocketAttribute.local_port))  # noqa: S610  # not Django's
            await listener.serve(self._forward)

    def cut(self) -> None:
        self._scope.cancel()

    def silence(self) -> None:
        self._silent = True

    async def _forward(self, client: SocketStream) -> None:
        self._silent = False
        async with client, await anyio.connect_tcp("127.0.0.1", self._port) as server:
            async with anyio.create_task_group() as both:
                self._scope = both.cancel_scope
                both.start_soon(self._pump, client, server)
                both.start_soon(self._pump, server, client)

    async def _pump(self, source: SocketStream, target: SocketStream) -> None:
        async for chunk in source:
            if not self._silent:
                await target.send(chunk)
        self.cut()


async def numbers(start: int) -> AsyncIterator[Event]:
    for number in itertools.count(start):
        yield Event(number, id=number)
        await anyio.sleep(0.02)


async def stream(request: Request) -> EventSourceResponse:
    last = last_event_id(request)
    return EventSourceResponse(numbers(int(last) + 1 if last else 0), ping=PING, retry=100)


class Client:
    """Reads numbers and comes back, as a browser does."""

    def __init__(self, url: str, line: Line) -> None:
        self.numbers: list[int] = []
        self._url = url
        self._incidents = {10: line.cut, 20: line.silence}
        self._last = ""
        self._retry = 3.0

    async def read(self, until: int) -> None:
        timeout = httpx.Timeout(5, read=PING * 3)
        while True:
            try:
                async with httpx.AsyncClient(timeout=timeout) as client:
                    await self._read_once(client, until)
                return
            except httpx.TransportError as error:
                print(f"  {type(error).__name__}: comes back in {self._retry} s, with the id {self._last}")
                await anyio.sleep(self._retry)

    async def _read_once(self, client: httpx.AsyncClient, until: int) -> None:
        headers = {"Last-Event-ID": self._last} if self._last else {}
        async with client.stream("GET", self._url, headers=headers) as response:
            async for event in events_of(response):
                self._last = event.get("id", self._last)
                self._retry = float(event.get("retry", self._retry * 1000)) / 1000
                if "data" in event:
                    self._take(int(event["data"]))
                if self.numbers[-1:] == [until]:
                    return

    def _take(self, number: int) -> None:
        self.numbers.append(number)
        if incident := self._incidents.pop(number, None):
            print(f"  after {number} the line is told to: {incident.__name__}")
            incident()


async def main() -> None:
    async with serving(Starlette(routes=[Route("/", stream)])) as url, anyio.create_task_group() as tasks:
        line = Line(urlsplit(url).port or 80)
        port = await tasks.start(line.serve)
        client = Client(f"http://127.0.0.1:{port}/", line)
        await client.read(until=30)
        tasks.cancel_scope.cancel()
    print(f"  received: {client.numbers}")
    assert client.numbers == list(range(31))


if __name__ == "__main__":
    asyncio.run(main())
