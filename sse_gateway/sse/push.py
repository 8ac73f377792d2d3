"""The other way to feed a response: an async function that is given the connection and writes to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio

from .event import ensure_bytes

if TYPE_CHECKING:
    from .stream import CloseReason, Stream

__all__ = ["PushConnection"]


class PushConnection:
    """One client, to be written to from the function that was given it, and from any other task of the same event loop.

    The stream ends when that function returns.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._task = asyncio.current_task()
        self._closed = anyio.Event()
        self._turn = asyncio.Lock()
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def closed(self) -> bool:
        """Whether the client has gone, or the stream is ending for another reason."""
        return self._closed.is_set() or self.reason is not None

    @property
    def reason(self) -> CloseReason | None:
        """Why it was closed; None while it is open."""
        return self._stream.reason

    async def send(self, event: Any) -> None:
        """Send one event, anything that a stream may yield, and wait until the server has taken it. Writes from several
        tasks follow each other in the order of the calls.

        Raises:
            anyio.ClosedResourceError: the stream has ended, or ends before the event is taken.
            TypeError: the event has a field of a wrong type.
        """
        chunk = ensure_bytes(event, self._stream.response.sep)
        if self.closed:
            raise anyio.ClosedResourceError
        if self._waiting or asyncio.current_task() is not self._task:
            await self._send_for_other(chunk)
        elif self._stream.body.started:
            await self._stream.body.write(chunk)
        else:
            await self._write(chunk)

    async def wait_closed(self) -> None:
        """Wait until the stream has ended. In the function that feeds it, until that is cancelled."""
        await self._closed.wait()

    def close(self) -> None:
        """End the stream in order. Its reason is `evicted`."""
        self._stream.interrupt("evicted")

    def ended(self) -> None:
        """The stream has ended: nobody may wait for it any longer."""
        self._closed.set()
        for taken in self._waiting:
            if not taken.done():
                taken.set_exception(anyio.ClosedResourceError())

    async def _send_for_other(self, chunk: bytes) -> None:
        # by a task of the stream's own, which ends with it; if the caller is cancelled, the event is still sent whole
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(taken)
        try:
            self._stream.spawn(self._deliver(chunk, taken))
            await taken
        finally:
            self._waiting.discard(taken)

    async def _deliver(self, chunk: bytes, taken: asyncio.Future[None]) -> None:
        try:
            await self._write(chunk)
        except (OSError, anyio.ClosedResourceError) as error:
            if not taken.done():
                taken.set_exception(error)
        else:
            if not taken.done():
                taken.set_result(None)

    async def _write(self, chunk: bytes) -> None:
        async with self._turn:  # the first one sends the head and the opening before
            if self.closed:
                raise anyio.ClosedResourceError
            await self._stream.body.write(chunk)
