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
from typing import Protocol

import anyio

from .peer import Peer, Resets

_LINGER = 0.3
"""Seconds, up to twice as many, that a client has to read what is queued for it when the server stops. The process must exit
within a second after the grace."""
_THREADS = 40
"""How many synchronous streams may run at once. It is anyio's limit of worker threads for everything else."""
_BATCH = 0.01
"""Seconds for which peers are collected before they are reset, so that one search of the descriptors serves all of them."""


class Open(Protocol):
    """A stream that is open."""

    @property
    def counts(self) -> tuple[int, int, int]:
        """Events, bytes and pings that were sent."""

    @property
    def peer(self) -> Peer | None: ...

    @property
    def reason(self) -> object: ...

    @property
    def queued(self) -> int:
        """Bytes that the server has not taken yet."""

    def shut_down(self) -> None:
        """The server stops."""


class Loop:
    """The state of one event loop. It holds the loop and its streams weakly, so an event loop that was closed abruptly leaves
    nothing behind."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        key = id(loop)
        self.reference = weakref.ref(loop, lambda _: _loops.pop(key, None))
        self._lingering = Resets(_LINGER, self._peers, queued=True)
        self._resetting = Resets(_BATCH, self._peers, queued=False)
        self._streams: set[weakref.ReferenceType[Open]] = set()
        self.ending = False
        """Whether streams end, including those that start later."""
        self.link: object = None
        """The signal handler that the engine has put around the handler of this loop's server."""

    @cached_property
    def threads(self) -> anyio.CapacityLimiter:
        """Limits the worker threads of synchronous streams, which must not use up those of the application."""
        return anyio.CapacityLimiter(_THREADS)

    @property
    def gone(self) -> bool:
        """Whether the loop is closed. Its unfinished coroutines are then garbage-collected and can't wait for anything."""
        loop = self.reference()
        return loop is None or loop.is_closed()

    @property
    def streams(self) -> list[Open]:
        """The open streams. May be read from any thread, because `copy` is atomic and iterating over a WeakSet is not."""
        return [stream for reference in self._streams.copy() if (stream := reference()) is not None]

    def enter(self, stream: Open) -> None:
        """A stream has begun."""
        self._streams.add(weakref.ref(stream, self._streams.discard))

    def leave(self, stream: Open) -> None:
        """A stream has ended, or its client is about to be reset."""
        self._streams.discard(weakref.ref(stream))

    def end(self) -> None:
        """Tell all streams to end. May be called from any thread."""
        self.ending = True
        loop = self.reference()
        if loop is not None:
            with suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(self._tell)

    def linger(self, peer: Peer | None) -> None:
        """A stream has ended while the server stops. Its client may read what is queued, but must not delay the exit."""
        self._lingering.add(self.reference(), peer)

    def reset(self, peer: Peer | None) -> None:
        """Reset the connection to this client, unless another stream of this loop uses it."""
        self._resetting.add(self.reference(), peer)

    def _peers(self) -> set[Peer | None]:
        return {stream.peer for stream in self.streams if stream.reason is None}

    def _tell(self) -> None:
        for stream in self.streams:
            stream.shut_down()


_loops: dict[int, Loop] = {}


def loop_of(loop: asyncio.AbstractEventLoop) -> Loop:
    """The state of an event loop."""
    state = _loops.get(id(loop))
    if state is None or state.reference() is not loop:
        state = _loops[id(loop)] = Loop(loop)
    return state


def all_loops() -> tuple[Loop, ...]:
    """The states of all event loops that have had a stream and are not closed."""
    return tuple(loop for loop in tuple(_loops.values()) if not loop.gone)


def begin_shutdown(loop: asyncio.AbstractEventLoop | None = None) -> None:
    """End the streams of `loop`, or of all event loops of this process, each as its response says. Streams that start later
    end at once. Call it when the server stops without a signal that the engine can observe: when the server runs in a
    thread, is stopped by a method of its own (uvicorn's `should_exit` is noticed at the next ping), or is a worker of
    hypercorn. It may be called from any thread or signal handler.

    It applies to a loop until `watch_shutdown` is called there, or another server starts there.
    """
    with suppress(RuntimeError):  # no loop runs here
        loop_of(asyncio.get_running_loop())
    for state in all_loops() if loop is None else (loop_of(loop),):
        state.end()


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the streams of this process have done, including those that are open."""

    open: int
    """Streams that are open now."""
    blocked: int
    """Open streams whose client does not take what it is sent."""
    queued_bytes: int
    """Bytes that wait for these clients here. The server and the kernel hold more."""
    events: int
    bytes: int
    pings: int
    closed: Mapping[str, int]
    """Streams that have ended, by reason."""


_ended: Counter[str] = Counter()
_totals = (0, 0, 0)
_lock = threading.Lock()


def count(stream: Open, reason: str) -> None:
    """A stream has ended."""
    global _totals
    with _lock:
        _ended[reason] += 1
        _totals = _sum([_totals, stream.counts])


def statistics() -> Statistics:
    """The counts now. May be called from any thread."""
    streams = [stream for loop in all_loops() for stream in loop.streams]
    queued = [stream.queued for stream in streams]
    with _lock:
        totals = _sum([_totals, *(stream.counts for stream in streams)])
        return Statistics(len(streams), len([*filter(None, queued)]), sum(queued), *totals, dict(_ended))


def _sum(counts: Iterable[tuple[int, int, int]]) -> tuple[int, int, int]:
    events, sent, pings = zip(*counts, strict=True)
    return sum(events), sum(sent), sum(pings)
