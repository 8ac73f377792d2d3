"""A client's end of an ASGI request, without a server: what it was sent, and ways to be slow, to leave and to break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import anyio

from sse_gateway.testing import EventStreamParser, ReceivedEvent

Message = MutableMapping[str, Any]


class Wire:
    """`send` and `receive` of one request."""

    def __init__(self, *, method: str = "GET", type: str = "http", takes: int | None = None, **scope: Any) -> None:
        """`takes`: so many messages, and is stuck then."""
        self.scope: Message = {"type": type, "method": method, "http_version": "1.1", "headers": [], **scope}
        self.messages: list[Message] = []
        self.stuck = False
        """Whether it takes nothing more."""
        self.takes = takes
        self.broken: Exception | None = None
        """What `send` raises."""
        self.overlaps = 0
        self.cancelled = 0
        """Sends that were given up by the other side."""
        self.asked = asyncio.Event()
        """Set when somebody waits for the disconnect."""
        self._sending = 0
        self._gone = asyncio.Event()
        self._moved = asyncio.Event()
        self._requested = False

    @property
    def start(self) -> Message:
        return self.messages[0]

    @property
    def chunks(self) -> list[bytes]:
        """The bodies that were sent, the end too."""
        return [message["body"] for message in self.messages if message["type"].endswith("http.response.body")]

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def ended(self) -> bool:
        """Whether the body was ended in order."""
        return bool(self.messages) and self.messages[-1].get("more_body") is False

    @property
    def parser(self) -> EventStreamParser:
        """A parser that has read all of the body."""
        parser = EventStreamParser()
        parser.feed(self.body)
        return parser

    def events(self) -> list[ReceivedEvent]:
        return EventStreamParser().feed(self.body)

    def data(self) -> list[str]:
        return [event.data for event in self.events()]

    async def send(self, message: Message) -> None:
        self.overlaps += self._sending > 0
        self._sending += 1
        try:
            await self._wait_while_stuck()
            if self.broken is not None:
                raise self.broken
            self.messages.append(message)
            self._move()
        finally:
            self._sending -= 1

    async def receive(self) -> Message:
        if not self._requested:
            self._requested = True
            return {"type": "http.request", "body": b"", "more_body": False}
        self.asked.set()
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def leave(self) -> None:
        """The client closes its connection."""
        self._gone.set()

    def take(self) -> None:
        """It reads again."""
        self.stuck, self.takes = False, None
        self._move()

    def break_off(self, error: Exception) -> None:
        """The connection breaks, and the server says so."""
        self.broken = error
        self.take()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something that is sent, or begun to be, makes `condition` true."""
        with anyio.fail_after(5):
            while not condition():
                self._moved.clear()
                await self._moved.wait()

    async def sending(self) -> None:
        """Wait until a message is on its way to a client that takes nothing."""
        await self.until(lambda: self.stuck and self._sending)

    def _move(self) -> None:
        self._moved.set()

    async def _wait_while_stuck(self) -> None:
        self.stuck = self.stuck or self.takes == len(self.messages)
        self._move()
        try:
            while self.stuck:
                self._moved.clear()
                await self._moved.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


class Running:
    """A response that is being sent."""

    def __init__(self, task: asyncio.Task[None], wire: Wire) -> None:
        self.task = task
        self.wire = wire

    async def done(self) -> None:
        """Wait until it has returned. Raises what it raised."""
        with anyio.fail_after(5):
            await asyncio.wait([self.task])
        await self.task

    async def leave(self) -> None:
        """The client closes its connection, and the response returns."""
        self.wire.leave()
        await self.done()


@asynccontextmanager
async def serving(app: Any, wire: Wire) -> AsyncIterator[Running]:
    """`app` in a task of its own, as servers run it; cancelled at the end if it still runs."""
    task = asyncio.get_running_loop().create_task(app(wire.scope, wire.receive, wire.send))
    try:
        yield Running(task, wire)
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def begun(app: Any, wire: Wire) -> AsyncIterator[Running]:
    """`serving`, from where the client has got something."""
    async with serving(app, wire) as running:
        await wire.until(lambda: wire.chunks)
        yield running


async def serve(app: Any, wire: Wire | None = None) -> Wire:
    """Run `app` to its end, and return the client. Raises what it raises."""
    wire = wire or Wire()
    async with serving(app, wire) as running:
        await running.done()
    return wire


def slowly(app: Any) -> Any:
    """`app` in middleware that waits a little before it passes a message on."""

    async def middleware(scope: Message, receive: Any, send: Any) -> None:
        passing = 0

        async def send_later(message: Message) -> None:
            nonlocal passing
            assert passing == 0, "messages overlap"
            passing += 1
            try:
                await asyncio.sleep(0.001)
                await send(message)
            finally:
                passing -= 1

        await app(scope, receive, send_later)

    return middleware


async def forever(*items: Any) -> AsyncIterator[Any]:
    """These items, and then nothing, without an end."""
    for item in items:
        yield item
    await anyio.sleep_forever()


async def some(*items: Any) -> AsyncIterator[Any]:
    """These items."""
    for item in items:
        yield item


class Notes:
    """A generator that notes what it sees."""

    def __init__(self, *items: Any) -> None:
        self.items = items
        self.seen: list[str] = []
        self.waiting = asyncio.Event()

    async def generate(self) -> AsyncIterator[Any]:
        try:
            for item in self.items:
                yield item
            self.waiting.set()
            await anyio.sleep_forever()
        except asyncio.CancelledError:
            self.seen.append("cancelled")
            await asyncio.sleep(0)
            self.seen.append("waited")
            raise
        finally:
            self.seen.append("finally")


class Closing:
    """An iterator whose closing is counted, and fails if it is told to."""

    def __init__(self, *items: Any, fails: Exception | None = None) -> None:
        self.items = iter(items)
        self.closed = 0
        self.fails = fails
        self.waiting = asyncio.Event()

    def __aiter__(self) -> Closing:
        return self

    async def __anext__(self) -> Any:
        for item in self.items:
            return item
        self.waiting.set()
        await anyio.sleep_forever()

    async def aclose(self) -> None:
        self.closed += 1
        await asyncio.sleep(0)
        if self.fails is not None:
            raise self.fails


class Untouched:
    """Content that may not be read; closing it is right."""

    closed = 0

    def __aiter__(self) -> Untouched:
        return self

    async def __anext__(self) -> Any:
        raise AssertionError("it was read")

    async def aclose(self) -> None:
        self.closed += 1
