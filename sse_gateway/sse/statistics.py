"""Counts of all streams of the process, for whatever shows metrics."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .body import Body
from .loop import all_loops

__all__ = ["Statistics", "count", "statistics"]


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


def count(body: Body, reason: str) -> None:
    """A stream has ended."""
    with _lock:
        _ended[reason] += 1
        _totals[:] = _sums([body], _totals)


def statistics() -> Statistics:
    """The counts as they are. From any thread."""
    bodies = [stream.body for loop in all_loops() for stream in loop.streams]
    queued = [body.queued for body in bodies]
    with _lock:
        events, sent, pings = _sums(bodies, _totals)
        closed = dict(_ended)
    return Statistics(len(bodies), len([*filter(None, queued)]), sum(queued), events, sent, pings, closed)


def _sums(bodies: Iterable[Body], totals: list[int]) -> list[int]:
    events, sent, pings = totals
    for body in bodies:
        events, sent, pings = events + body.events, sent + body.bytes, pings + body.pings
    return [events, sent, pings]
