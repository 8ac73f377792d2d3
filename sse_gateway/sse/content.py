"""The content of a response: an iterable, which is always closed exactly once, or a function that writes."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import ExitStack, nullcontext
from functools import partial
from types import AsyncGeneratorType
from typing import Any, Protocol, cast

import anyio
from anyio import to_thread

from .event import ensure_bytes
from .loop import loop_of
from .stream import Broadcast, CloseReason

Content = Any
"""What a stream yields: an event object, a dict of an event's fields, bytes as they are, or anything that has a `str()`."""
SyncContentStream = Iterable[Content]
AsyncContentStream = AsyncIterable[Content]
ContentStream = AsyncContentStream | SyncContentStream

Feed = Callable[["PushConnection"], Awaitable[None]]
"""An async function that writes to the connection that it is given."""

logger = logging.getLogger(__name__)

_AGAIN = 0.05
"""Seconds until a task that does not end is cancelled again, because each of its `finally` clauses may wait for something."""
_END = object()


def read(content: ContentStream | Feed | Broadcast) -> tuple[AsyncContentStream, Feed | None, Broadcast | None]:
    """What a response was given, as an iterable, a function that writes, or a broadcast. Nothing is checked yet."""
    if isinstance(content, Broadcast):
        return _NOTHING, None, content
    if isinstance(content, AsyncIterable):
        return content, None, None
    function: object = content
    while isinstance(function, partial):
        function = function.func
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
        return _NOTHING, cast("Feed", content), None
    return Threaded(cast("SyncContentStream", content)), None, None


class Threaded:
    """A synchronous iterable, read item by item in worker threads. If it is not iterable, reading it raises TypeError."""

    def __init__(self, iterable: Iterable[Content]) -> None:
        self._iterable = iterable
        self._iterator: Iterator[Content] | None = None
        self._reading = threading.Lock()

    def __aiter__(self) -> AsyncIterator[Content]:
        return self

    async def __anext__(self) -> Content:
        item = await _in_thread(self._next)
        if item is _END:
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """Close the iterator and the iterable if they have a `close`, after a thread that still reads has returned."""
        if any(hasattr(closable, "close") for closable in (self._iterator, self._iterable)):
            await _in_thread(self._close)

    def _next(self) -> Content:
        with self._reading:
            if self._iterator is None:
                self._iterator = iter(self._iterable)
            return next(self._iterator, _END)

    def _close(self) -> None:
        closables: dict[int, Any] = {id(found): found for found in (self._iterable, self._iterator)}
        with self._reading, ExitStack() as stack:
            for closable in closables.values():
                if hasattr(closable, "close"):
                    stack.callback(closable.close)


_NOTHING = Threaded(())


class Reading:
    """The content of one response. It is read in the request's task and closed there, once. If closing takes too long, the
    task is cancelled, repeatedly until it ends."""

    __slots__ = ("_cancels", "_content", "_expired", "_iterator", "_task", "_timeout", "_timer")

    def __init__(self, content: AsyncContentStream, timeout: float | None) -> None:
        """`timeout` is in seconds. None: closing may take any time."""
        self._content = content
        self._iterator: object = content
        self._timeout = timeout
        self._task = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self._expired = False
        self._cancels = 0

    def __aiter__(self) -> AsyncIterator[Content]:
        self._iterator = iterator = aiter(self._content)
        return iterator

    def hurry(self) -> None:
        """The content must end within `timeout` of the first call."""
        if self._timeout is not None and self._timer is None and not self._expired:
            self._timer = asyncio.get_running_loop().call_later(self._timeout, self._expire)

    def forgive(self) -> None:
        """Undo the cancellations that were requested here, so that only those by others are counted."""
        while self._cancels and self._task is not None:
            self._cancels -= 1
            self._task.uncancel()

    async def close(self, *, cancelled: bool, shield: bool) -> None:
        """Close the iterator, and the content if that is another object.

        `cancelled`: the stream ended before its content. A generator then sees CancelledError, as it would while it waits.
        `shield`: protect the closing from cancellations by others. This must be false for content that the engine itself has
        suspended: such content may have opened cancel scopes, which can't be left inside a new scope.
        """
        self.hurry()
        iterator = self._iterator
        try:
            with anyio.CancelScope(shield=True) if shield else nullcontext():
                try:
                    if cancelled and inspect.isasyncgen(iterator) and iterator.ag_frame is not None:
                        await _cancel(iterator)
                    await _close(iterator)
                finally:
                    if self._content is not iterator:
                        await _close(self._content)
        except asyncio.CancelledError:
            if not self._expired:
                raise
        except Exception:
            logger.exception("Error closing body iterator")
        finally:
            self.forgive()
            if self._timer is not None:
                self._timer.cancel()
        if self._expired:
            logger.warning("Body iterator cleanup cancelled after %s seconds", self._timeout)

    def _expire(self) -> None:
        self._expired = True
        if self._task is not None and self._task.cancel():
            self._cancels += 1
            self._timer = asyncio.get_running_loop().call_later(_AGAIN, self._expire)


async def _close(closable: object) -> None:
    method = getattr(closable, "aclose", None) or getattr(closable, "close", None)
    if method is not None:
        outcome = method()
        if inspect.isawaitable(outcome):
            await outcome


async def _cancel(generator: AsyncGeneratorType[Any, Any]) -> None:
    """Raise CancelledError in the generator. At a `yield` it would otherwise see GeneratorExit, which few programs handle."""
    task = asyncio.current_task()
    requests = task.cancelling() if task else 0
    try:
        await generator.athrow(asyncio.CancelledError())
    except StopAsyncIteration:
        pass
    except asyncio.CancelledError:
        if task and task.cancelling() > requests:  # this is not the error that was thrown in
            raise


async def _in_thread(function: Callable[[], Any]) -> Any:
    threads = loop_of(asyncio.get_running_loop()).threads
    return await to_thread.run_sync(function, abandon_on_cancel=True, limiter=threads)


class Pushed(Protocol):
    """The stream that a function writes to."""

    @property
    def started(self) -> bool: ...

    @property
    def reason(self) -> CloseReason | None: ...

    async def write(self, chunk: bytes) -> None:
        """Send one event."""

    def interrupt(self, reason: CloseReason) -> None:
        """End early."""

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> object:
        """Run a task that is cancelled when the stream ends."""


class PushConnection:
    """One client. The function that is given this connection may write to it, and so may other tasks of the same event loop.

    The stream ends when that function returns.
    """

    def __init__(self, stream: Pushed, sep: str) -> None:
        self._stream = stream
        self._sep = sep
        self._task = asyncio.current_task()
        self._turn = asyncio.Lock()
        self._waiting: set[asyncio.Future[None]] = set()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def closed(self) -> bool:
        """Whether the client has disconnected or the stream is ending for another reason."""
        return self.reason is not None

    @property
    def reason(self) -> CloseReason | None:
        """Why the connection was closed. None while it is open."""
        return self._stream.reason

    async def send(self, event: Any) -> None:
        """Send one event, which may be anything that a stream may yield, and wait until the server has taken it. Events from
        several tasks are sent in the order of the calls.

        Raises:
            anyio.ClosedResourceError: the stream has ended, or ends before the event is taken.
            TypeError: a field of the event has a wrong type.
        """
        chunk = ensure_bytes(event, self._sep)
        if self.closed:
            raise anyio.ClosedResourceError
        if self._waiting or asyncio.current_task() is not self._task:
            await self._send_for_other(chunk)
        elif self._stream.started:
            await self._stream.write(chunk)
        else:
            await self._write(chunk)

    async def wait_closed(self) -> None:
        """Wait until the stream has ended. The function that writes the stream is cancelled then."""
        await asyncio.wait([self._ended])

    def close(self) -> None:
        """End the stream in order, with the reason `evicted`."""
        self._stream.interrupt("evicted")

    def ended(self) -> None:
        """The stream has ended. Nobody waits for it any longer."""
        self._ended.set_result(None)
        for taken in self._waiting:
            if not taken.done():
                taken.set_exception(anyio.ClosedResourceError())

    async def _send_for_other(self, chunk: bytes) -> None:
        # a task of the stream writes for another task, so that the event is sent whole even if that task is cancelled
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(taken)
        try:
            self._stream.spawn(self._deliver(chunk, taken))
            await taken
        finally:
            self._waiting.remove(taken)

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
        async with self._turn:  # the first event is preceded by the head and the opening
            if self.closed:
                raise anyio.ClosedResourceError
            await self._stream.write(chunk)
