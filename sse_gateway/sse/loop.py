"""The streams of each event loop: what they share, their counts, and the call that ends them."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import anyio

from .peer import Peer, Resets

_LINGER = 0.3
"""Seconds, and up to twice as many, for a client to read what is queued when its server stops and waits for it: the process
is to exit within the grace and a second."""
_THREADS = 40
"""Synchronous streams that may run at once: as many as anyio gives to everything else together."""
_BATCH = 0.01
"""Seconds in which peers to be reset are gathered: one look through the descriptors serves all."""


class Open(Protocol):
    """A stream that is open."""

    events: int
    bytes: int
    pings: int

    @property
    def peer(self) -> Peer | None: ...

    @property
    def reason(self) -> object: ...

    @property
    def queued(self) -> int:
        """Bytes that the server has not taken yet."""
        ...

    def shut_down(self) -> None:
        """The server stops."""
        ...


class Loop:
    """The state of one event loop. Nothing here keeps the loop alive, so one that was closed abruptly leaves nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        key = id(loop)
        self._loop = weakref.ref(loop, lambda _: _loops.pop(key, None))
        self._lingering = Resets(_LINGER, self._peers, queued=True)
        self._resetting = Resets(_BATCH, self._peers, queued=False)
        self._streams: set[weakref.ReferenceType[Open]] = set()
        self.ending = False
        """Whether streams end; also those that start from now on."""
        self.link: object = None
        """By what the signals of the loop's server are overheard."""

    @cached_property
    def threads(self) -> anyio.CapacityLimiter:
        """Bounds the worker threads of synchronous streams, which must not starve the rest of the application."""
        return anyio.CapacityLimiter(_THREADS)

    @property
    def gone(self) -> bool:
        """Whether it was closed: what its tasks leave behind is collected, and can't wait for anything."""
        loop = self._loop()
        return loop is None or loop.is_closed()

    @property
    def streams(self) -> list[Open]:
        """Those that are open. From any thread: the copy is one step, where to walk through a WeakSet is many."""
        return [stream for reference in self._streams.copy() if (stream := reference()) is not None]

    def enter(self, stream: Open) -> None:
        """A stream has begun."""
        self._streams.add(weakref.ref(stream, self._streams.discard))

    def leave(self, stream: Open) -> None:
        """It has ended, or its client is to be reset."""
        self._streams.discard(weakref.ref(stream))

    def is_of(self, loop: asyncio.AbstractEventLoop) -> bool:
        return self._loop() is loop

    def end(self) -> None:
        """Tell all streams to end. From any thread."""
        self.ending = True
        self._soon(self._tell)

    def linger(self, peer: Peer | None) -> None:
        """A stream has ended while the server stops: its client may read what is queued, but not hold the server."""
        self._lingering.add(self._loop(), peer)

    def reset(self, peer: Peer | None) -> None:
        """Reset the connection to this client, unless another stream of this loop goes over it."""
        self._resetting.add(self._loop(), peer)

    def _peers(self) -> set[Peer | None]:
        return {stream.peer for stream in self.streams if stream.reason is None}

    def _tell(self) -> None:
        for stream in self.streams:
            stream.shut_down()

    def _soon(self, function: Any) -> None:
        loop = self._loop()
        if loop is not None:
            with suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(function)


_loops: dict[int, Loop] = {}


def loop_of(loop: asyncio.AbstractEventLoop) -> Loop:
    """The state of an event loop."""
    state = _loops.get(id(loop))
    if state is None or not state.is_of(loop):
        state = _loops[id(loop)] = Loop(loop)
    return state


def all_loops() -> tuple[Loop, ...]:
    """The states of all event loops that have had a stream and are not closed."""
    return tuple(loop for loop in tuple(_loops.values()) if not loop.gone)


def begin_shutdown(loop: asyncio.AbstractEventLoop | None = None) -> None:
    """End the streams of `loop`, or of all event loops of this process, each as its response says; those that start later
    end at once. To be called where no signal comes: the server runs in a thread, is stopped by its own method (uvicorn's
    `should_exit` is noticed at the next ping), or handles signals in a way that can't be overheard (hypercorn's workers).
    May be called from any thread or signal handler.

    It holds for a loop until `watch_shutdown` is called in it, or its server gives way to another.
    """
    with suppress(RuntimeError):  # no loop runs here
        loop_of(asyncio.get_running_loop())
    for state in all_loops() if loop is None else (loop_of(loop),):
        state.end()


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the streams of this process have done. Those that are open count too."""

    open: int
    """Streams that are open now."""
    blocked: int
    """Those of them whose client does not take what it is being sent."""
    queued_bytes: int
    """Bytes that wait for these clients here; each server and the kernel hold some more."""
    events: int
    bytes: int
    pings: int
    closed: Mapping[str, int]
    """Streams that have ended, by their reason."""


_ended: Counter[str] = Counter()
_totals = [0, 0, 0]
_lock = threading.Lock()


def count(stream: Open, reason: str) -> None:
    """A stream has ended."""
    with _lock:
        _ended[reason] += 1
        _totals[:] = _sums([stream], _totals)


def statistics() -> Statistics:
    """The counts as they are. From any thread."""
    streams = [stream for loop in all_loops() for stream in loop.streams]
    queued = [stream.queued for stream in streams]
    with _lock:
        events, sent, pings = _sums(streams, _totals)
        closed = dict(_ended)
    return Statistics(len(streams), len([*filter(None, queued)]), sum(queued), events, sent, pings, closed)


def _sums(streams: Iterable[Open], totals: list[int]) -> list[int]:
    events, sent, pings = totals
    for stream in streams:
        events, sent, pings = events + stream.events, sent + stream.bytes, pings + stream.pings
    return [events, sent, pings]
