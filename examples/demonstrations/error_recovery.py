"""An upstream fails for a while: a circuit breaker spares it, and the stream stays open and says what is going on.

    python examples/demonstrations/error_recovery.py

After three failures in a row the breaker opens: the upstream is not asked for 0.3 seconds. Then one call tries it (half-open),
and closes the breaker, or opens it again. You see `status` events at each change between the values, and every value once. A
client that had to come back instead would only add load to the trouble.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic

import anyio
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from local_client import events_of
from local_server import serving
from sse_gateway import Event, EventSourceResponse


class UpstreamError(Exception):
    """The upstream has failed, or is not asked because it did."""


class Upstream:
    """Counts; its calls 4 to 7 fail."""

    def __init__(self) -> None:
        self.calls = 0
        self.value = 0

    async def fetch(self) -> int:
        await anyio.sleep(0.02)
        self.calls += 1
        if 4 <= self.calls <= 7:
            raise UpstreamError(f"call {self.calls} has failed")
        self.value += 1
        return self.value


class CircuitBreaker:
    """Calls a function as long as that has a chance."""

    def __init__(self, *, failures: int, pause: float) -> None:
        self.states = ["closed"]
        """What it has been, and is."""
        self._limit = failures
        self._failures = 0
        self._pause = pause
        self._until = 0.0

    async def call(self, function: Callable[[], Awaitable[int]]) -> int:
        if self.states[-1] == "open":
            if monotonic() < self._until:
                raise UpstreamError("not asked")
            self._become("half-open")
        try:
            value = await function()
        except UpstreamError:
            self._fail()
            raise
        self._failures = 0
        self._become("closed")
        return value

    def _fail(self) -> None:
        self._failures += 1
        if self._failures >= self._limit:
            self._until = monotonic() + self._pause
            self._become("open")

    def _become(self, state: str) -> None:
        if state != self.states[-1]:
            self.states.append(state)


upstream = Upstream()
breaker = CircuitBreaker(failures=3, pause=0.3)


async def values() -> AsyncIterator[Event]:
    known = len(breaker.states)
    while upstream.value < 6:
        value = None
        try:
            value = await breaker.call(upstream.fetch)
        except UpstreamError as error:
            print(f"  {error}")
        for state in breaker.states[known:]:
            known += 1
            yield Event(state, event="status")
        if value is not None:
            yield Event(value)
        await anyio.sleep(0.05)


async def stream(request: Request) -> EventSourceResponse:
    return EventSourceResponse(values())


async def main() -> None:
    received: list[str] = []
    async with serving(Starlette(routes=[Route("/", stream)])) as url:
        async with httpx.AsyncClient() as client, client.stream("GET", url) as response:
            async for event in events_of(response):
                print(f"  the client reads {event}")
                received.append(event["data"])
    assert received == ["1", "2", "3", "open", "half-open", "open", "half-open", "closed", "4", "5", "6"], received
    assert upstream.calls == 10


if __name__ == "__main__":
    asyncio.run(main())
