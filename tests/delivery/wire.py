"""A client's end of an ASGI connection, which takes what it is sent or, when it is stuck, does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from typing import Any, Literal

from sse_gateway.sse import Connection
from sse_gateway.testing import EventStreamParser, ReceivedEvent

Answer = Literal["done", "future", "coroutine"]


class Done:
    """What granian's `send` returns when it has taken the message at the call."""

    def __await__(self) -> Generator[Any, None, None]:
        return iter(())  # type: ignore[return-value]


class Wire:
    """`send` and `receive` of one request. `answer` is how its server tells that a message was taken."""

    def __init__(self, answer: Answer = "done") -> None:
        Connection.finished = None
        self.answer = answer
        self.stuck = False
        self.messages: list[MutableMapping[str, Any]] = []
        self.overlaps = 0
        self._pending: list[asyncio.Future[None]] = []
        self._gone = asyncio.Event()
        self.body_comes = True

    @property
    def body(self) -> bytes:
        """All that was sent of the body."""
        return b"".join(message["body"] for message in self.messages if message["type"] == "http.response.body")

    @property
    def ended(self) -> bool:
        """Whether the body was ended in order."""
        return self.messages[-1].get("more_body") is False

    def events(self) -> list[ReceivedEvent]:
        """The events of the body, control events too."""
        return EventStreamParser().feed(self.body)

    def data(self) -> list[str]:
        """The data of the events that are not the gateway's own."""
        return [event.data for event in self.events() if not event.type.startswith("gateway.")]

    def types(self) -> list[str]:
        return [event.type for event in self.events()]

    def send(self, message: MutableMapping[str, Any]) -> Awaitable[None]:
        """The server's `send`."""
        self.overlaps += any(not future.done() for future in self._pending)
        self.messages.append(message)
        if message.get("more_body") is False and not self.stuck:
            self._gone.set()
        if self.answer == "coroutine":
            return self._wait()
        return self._block() if self.stuck else Done()

    async def receive(self) -> MutableMapping[str, Any]:
        """The server's `receive`: the request first, then nothing until the client has gone."""
        if self.body_comes:
            self.body_comes = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def leave(self) -> None:
        """The client closes its connection."""
        self.release()
        self._gone.set()

    def release(self) -> None:
        """It reads again."""
        self.stuck = False
        for future in self._pending:
            if not future.done():
                future.set_result(None)

    async def _wait(self) -> None:
        if self.stuck:
            await self._block()

    def _block(self) -> asyncio.Future[None]:
        future = asyncio.get_running_loop().create_future()
        self._pending.append(future)
        return future


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks run until `condition` holds; the test's own deadline bounds it."""
    while not condition():
        await asyncio.sleep(0)
