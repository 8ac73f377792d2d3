"""What a response is fed from: an iterable, which is closed once whatever it is, or a function that writes."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
)
from contextlib import ExitStack, nullcontext
from functools import partial
from typing import Any, Protocol, TypeGuard, cast

import anyio
from anyio import to_thread

from .event import ensure_bytes
from .loop import loop_of
from .stream import Broadcast, CloseReason

Content = Any
"""What a stream yields: an event object, a dict of an event's fields, bytes as they are, or anything with a text."""
SyncContentStream = Iterable[Content]
AsyncContentStream = AsyncIterable[Content]
ContentStream = AsyncContentStream | SyncContentStream

Feed = Callable[["PushConnection"], Awaitable[None]]
"""An async function that writes to the connection which it is given."""

logger = logging.getLogger(__name__)

_AGAIN = 0.05
"""Seconds until a task that goes on is cancelled once more: each of its `finally` clauses may wait for something."""
_END = object()


def read(content: ContentStream | Feed | Broadcast) -> tuple[AsyncContentStream, Feed | None, Broadcast | None]:
    """How to read what a response was given: as an iterable, by a function that writes, or by a feed that writes to many
    streams. Nothing is checked yet."""
    if isinstance(content, Broadcast):
        return _NOTHING, None, content
    if isinstance(content, AsyncIterable):
        return content, None, None
    if _is_feed(content):
        return _NOTHING, content, None
    return Threaded(cast("SyncContentStream", content)), None, None


class Threaded:
    """A synchronous iterable, read item by item in worker threads. What is wrong with it shows when it is read."""

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
        """Close the iterator and the iterable, as far as they can be, when a thread that still reads is back."""
        if any(hasattr(closable, "close") for closable in (self._iterator, self._iterable)):
            await _in_thread(self._close)

    def _next(self) -> Content:
        with self._reading:
            if self._iterator is None:
                self._iterator = iter(self._iterable)
            return next(self._iterator, _END)

    def _close(self) -> None:
        with self._reading:
            with ExitStack() as stack:
                closables: dict[int, Any] = {id(found): found for found in (self._iterable, self._iterator)}
                for closable in closables.values():
                    if hasattr(closable, "close"):
                        stack.callback(closable.close)


_NOTHING = Threaded(())


class Reading:
    """The content of one response: read in the request's task, and closed there, once. Closing has a bound: when it is over,
    the task is cancelled, and again as long as it goes on."""

    __slots__ = ("_cancels", "_content", "_expired", "_iterator", "_task", "_timeout", "_timer")

    def __init__(self, content: AsyncContentStream, timeout: float | None) -> None:
        """`timeout` in seconds. None: closing takes as long as it takes."""
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
        """The content has to end: from the first call on it has `timeout` left."""
        if self._timeout is not None and self._timer is None and not self._expired:
            self._timer = asyncio.get_running_loop().call_later(self._timeout, self._expire)

    def forgive(self) -> None:
        """Take back the cancellations that were requested here, so that those of others can be told from them."""
        while self._cancels and self._task is not None:
            self._cancels -= 1
            self._task.uncancel()

    async def close(self, *, cancelled: bool, shield: bool) -> None:
        """Close what was read. `cancelled`: the stream was ended before its content. `shield`: from cancellations by others.
        That is not for content that was suspended by us: it may have opened cancel scopes, which can't be left inside a new
        one."""
        self.hurry()
        try:
            with anyio.CancelScope(shield=True) if shield else nullcontext():
                await close(self._iterator, self._content, cancelled=cancelled)
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


async def close(iterator: object, iterable: object, *, cancelled: bool) -> None:
    """Close what was iterated: the iterator, and the iterable if that is another object. `cancelled`: its stream was ended
    before it, and it is to see that as it would had it been waiting."""
    try:
        if cancelled and inspect.isasyncgen(iterator) and iterator.ag_frame is not None:
            await _cancel(iterator)
        await _close(iterator)
    finally:
        if iterable is not iterator:
            await _close(iterable)


async def _close(closable: object) -> None:
    method = getattr(closable, "aclose", None) or getattr(closable, "close", None)
    if method is not None:
        outcome = method()
        if inspect.isawaitable(outcome):
            await outcome


async def _cancel(generator: AsyncGenerator[Any, Any]) -> None:
    """Raise CancelledError where the generator stands. If it stands at a `yield`, it would otherwise see GeneratorExit, for
    which few write a handler."""
    task = asyncio.current_task()
    requests = task.cancelling() if task else 0
    try:
        await generator.athrow(asyncio.CancelledError())
    except StopAsyncIteration:
        pass
    except asyncio.CancelledError:
        if task and task.cancelling() > requests:  # not the one that was thrown in
            raise


def _is_feed(content: object) -> TypeGuard[Feed]:
    while isinstance(content, partial):
        content = content.func
    return inspect.iscoroutinefunction(content) or inspect.iscoroutinefunction(type(content).__call__)


async def _in_thread(function: Callable[[], Any]) -> Any:
    threads = loop_of(asyncio.get_running_loop()).threads
    return await to_thread.run_sync(function, abandon_on_cancel=True, limiter=threads)


class Pushed(Protocol):
    """The stream that a function feeds."""

    @property
    def started(self) -> bool: ...

    @property
    def reason(self) -> CloseReason | None: ...

    async def write(self, chunk: bytes) -> None:
        """Send one event."""
        ...

    def interrupt(self, reason: CloseReason) -> None:
        """End early."""
        ...

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> object:
        """Run a task that ends with the stream at the latest."""
        ...


class PushConnection:
    """One client, to be written to from the function that was given it, and from any other task of the same event loop.

    The stream ends when that function returns.
    """

    def __init__(self, stream: Pushed, sep: str) -> None:
        self._stream = stream
        self._sep = sep
        self._task = asyncio.current_task()
        self._turn = asyncio.Lock()
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._closed: anyio.Event | None = None
        self._ended = False

    @property
    def closed(self) -> bool:
        """Whether the client has gone, or the stream is ending for another reason."""
        return self.reason is not None

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
        """Wait until the stream has ended. In the function that feeds it, until that is cancelled."""
        if not self._ended:
            self._closed = self._closed or anyio.Event()
            await self._closed.wait()

    def close(self) -> None:
        """End the stream in order. Its reason is `evicted`."""
        self._stream.interrupt("evicted")

    def ended(self) -> None:
        """The stream has ended: nobody may wait for it any longer."""
        self._ended = True
        if self._closed is not None:
            self._closed.set()
        for taken in self._waiting:
            if not taken.done():
                taken.set_exception(anyio.ClosedResourceError())

    async def _send_for_other(self, chunk: bytes) -> None:
        # by a task of the stream's own, which ends with it; if the caller is cancelled, the event is still sent whole
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[taken] = None
        try:
            self._stream.spawn(self._deliver(chunk, taken))
            await taken
        finally:
            del self._waiting[taken]

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
            await self._stream.write(chunk)
