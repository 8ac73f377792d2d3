"""What a response reads its events from, and how it is closed: exactly once, whatever it is."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from anyio import to_thread

from .loop import loop_of

if TYPE_CHECKING:
    from .push import PushConnection

__all__ = ["AsyncContentStream", "Content", "ContentStream", "Feed", "SyncContentStream", "close", "read"]

Content = Any
"""What a stream yields: an event object, a dict of an event's fields, bytes as they are, or anything with a text."""
SyncContentStream = Iterable[Content]
AsyncContentStream = AsyncIterable[Content]
ContentStream = AsyncContentStream | SyncContentStream

Feed = Callable[["PushConnection"], Awaitable[None]]
"""An async function that writes to the connection which it is given."""

_END = object()


def read(content: ContentStream | Feed) -> tuple[AsyncContentStream, Feed | None]:
    """How to read what a response was given: as an iterable, or by a function that writes. Nothing is checked yet."""
    if isinstance(content, AsyncIterable):
        return content, None
    if _is_feed(content):
        return Threaded(()), content
    return Threaded(cast("SyncContentStream", content)), None


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
