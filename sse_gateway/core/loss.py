"""What a reader is told when it can't have everything, and what that is: evicted before it was read, or lost upstream.

All of it is found from the views of a subscription and from what a reader has reached; the reader applies it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .log import Break, Log, View

Offsets = Mapping[str, int]
Reached = Mapping[Log, Offsets]
"""By source and partition, the next offset that a reader has not dealt with."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Events of a channel that this reader will never get."""

    channel: str
    source: str
    reason: str
    """evicted, expired: the log had no more room for them, or they were too old. Anything else: the source's word."""
    certain: bool
    """False where nobody knows if there were any."""
    start: Offsets
    """By partition, the first offset that may be missing."""
    end: Offsets
    """By partition, the next offset after what is missing."""


@dataclass(frozen=True, slots=True)
class Reset:
    """A source whose place in an id can't be honoured: the reader goes on from now."""

    source: str
    reason: str
    """unknown, epoch, malformed, ahead."""


Notice = Gap | Reset


def find(views: Sequence[View], reached: Reached, since: int) -> tuple[list[Gap], dict[Log, dict[str, int]]]:
    """What the logs no longer hold above `reached`, of the views that evicted anything after the seq `since`; and, by
    source, what a reader has reached that is told so. The oldest go first, so nothing below is held for any channel: what
    was lost upstream down there is told with it, for every channel of that log."""
    gaps: list[Gap] = []
    after: dict[Log, dict[str, int]] = {}
    for view in views:
        end = beyond(view.floor(), reached[view.log]) if view.evicted > since else {}
        if end:
            gaps.append(_find_gap(view, reached[view.log], end))
            after[view.log] = higher(after.get(view.log, reached[view.log]), end)
    for log, passed in after.items():
        for item in log.breaks:
            lost = beyond(item.end, reached[log])
            gaps += _tell(views, item, reached[log], {n: end for n, end in lost.items() if end <= passed.get(n, 0)})
    return gaps, after


def find_broken(views: Iterable[View], reached: Offsets, item: Break) -> list[Gap]:
    """What a reader of these views may lack where their source lost something, if it has reached so much of it."""
    return _tell(views, item, reached, beyond(item.end, reached))


def beyond(end: Offsets, reached: Offsets) -> dict[str, int]:
    """What of `end` lies above what was reached."""
    return {name: following for name, following in end.items() if following > reached.get(name, 0)}


def higher(one: Offsets, other: Offsets) -> dict[str, int]:
    """By partition, the higher of two offsets."""
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in (*one, *other)}


def _find_gap(view: View, reached: Offsets, end: Offsets) -> Gap:
    """Below what its channel lost, events are certainly gone; below what the log forgot, or where it began, perhaps."""
    certain = bool(beyond(view.lost, reached))
    reason = view.reason if certain else "evicted" if beyond(view.forgotten(), reached) else "upstream"
    return _gap(view, reason, certain, reached, end)


def _tell(views: Iterable[View], item: Break, reached: Offsets, end: Offsets) -> list[Gap]:
    return [_gap(view, item.reason, False, reached, end) for view in views if end and view.log is item.log]


def _gap(view: View, reason: str, certain: bool, reached: Offsets, end: Offsets) -> Gap:
    return Gap(view.name, view.log.source, reason, certain, {name: reached.get(name, 0) for name in end}, end)
