"""A protocol of one's own: a document that clients hold copies of, kept the same by patches.

    python examples/demonstrations/custom_protocol.py

The id of an event is the version of the document. A client that is new, or was away for too long, gets a `snapshot`; one that was
away for a little gets the `patch`es since its version. You see three clients do so, and in the end their copies are equal.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator

import anyio
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from local_client import events_of
from local_server import serving
from sse_gateway import Event, EventSourceResponse, last_event_id

Fields = dict[str, str]


class Document:
    """Fields, a version, and the last five patches."""

    def __init__(self) -> None:
        self.fields: Fields = {"title": "Draft"}
        self.version = 0
        self._patches: deque[tuple[int, Event]] = deque(maxlen=5)
        self._changed = anyio.Event()

    def change(self, **fields: str) -> None:
        self.version += 1
        self.fields |= fields
        self._patches.append((self.version, Event(fields, event="patch", id=self.version)))
        self._changed.set()
        self._changed = anyio.Event()

    async def follow(self, version: int | None) -> AsyncIterator[Event]:
        while True:
            if version is None or not self._reaches(version):
                version = self.version
                yield Event(self.fields, event="snapshot", id=version)
            for number, patch in [*self._patches]:
                if number > version:
                    version = number
                    yield patch
            if version == self.version:
                await self._changed.wait()

    def _reaches(self, version: int) -> bool:
        return self.version - len(self._patches) <= version <= self.version


class Copy:
    """A client's."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fields: Fields = {}
        self.received: list[str] = []
        self._version = ""

    async def read(self, client: httpx.AsyncClient, version: int) -> None:
        """Read until it is of this version."""
        headers = {"Last-Event-ID": self._version} if self._version else {}
        async with client.stream("GET", "/", headers=headers) as response:
            async for event in events_of(response):
                print(f"  {self.name}: {event}")
                fields = json.loads(event["data"])
                self.fields = self.fields | fields if event["event"] == "patch" else fields
                self.received.append(event["event"])
                self._version = event["id"]
                if int(self._version) >= version:
                    return


document = Document()


async def stream(request: Request) -> EventSourceResponse:
    last = last_event_id(request)
    return EventSourceResponse(document.follow(int(last) if last else None))


async def main() -> None:
    here, away, gone = copies = [Copy("here"), Copy("away for a little"), Copy("gone for long")]
    async with serving(Starlette(routes=[Route("/", stream)])) as url, httpx.AsyncClient(base_url=url) as client:
        for copy in copies:
            await copy.read(client, 0)
        for number in range(1, 5):
            document.change(title=f"Title {number}")
        await here.read(client, 4)
        await away.read(client, 4)
        for number in range(5, 9):
            document.change(**{f"section {number}": "text"})
        for copy in copies:
            await copy.read(client, 8)
    assert gone.received == ["snapshot", "snapshot"]
    assert here.received == away.received == ["snapshot"] + ["patch"] * 8
    assert here.fields == away.fields == gone.fields == document.fields


if __name__ == "__main__":
    asyncio.run(main())
