"""What a reader has lost, found by its cursor: evicted before it was read, forgotten, or lost upstream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from .notice import Gap

if TYPE_CHECKING:
    from .log import Break, Log
    from .subscriber import Subscriber
    from .view import View

__all__ = ["crosses", "find_broken", "find_evicted", "find_missing"]


def find_evicted(reader: Subscriber) -> list[Gap]:
    """What the logs have let go of that a reader had not read. It counts as dealt with from here on."""
    views = [view for view in reader.subscription.views if view.evicted > reader.position]
    return _pass_over(reader, views) if views else []


def find_missing(reader: Subscriber) -> list[Gap]:
    """What the logs no longer hold for a reader that comes back. It counts as dealt with from here on."""
    return _pass_over(reader, reader.subscription.views)


def find_broken(reader: Subscriber, item: Break) -> list[Gap]:
    """What a reader may lack where its source lost something."""
    return _tell(reader, item, _unread(reader, item.log, item.log.lost_by(item)))


def crosses(reader: Subscriber, item: Break) -> bool:
    """Whether a break lies between a reader and what it will read next."""
    return bool(_unread(reader, item.log, item.log.lost_by(item)))


def _pass_over(reader: Subscriber, views: Iterable[View]) -> list[Gap]:
    """Count what lies below the gaps as dealt with: the oldest go first, so nothing below is held for any channel. What
    was lost upstream down there must be told now, for every channel of that log."""
    gaps: list[Gap] = []
    ends: dict[Log, dict[str, int]] = {}
    for view in views:
        end = _unread(reader, view.log, view.log.named_parts(view.floor()))
        if end:
            gaps.append(_find_gap(reader, view, end))
            higher = ends.setdefault(view.log, {})
            higher.update({name: max(following, higher.get(name, 0)) for name, following in end.items()})
    gaps += [gap for log, end in ends.items() for item in log.breaks for gap in _find_below(reader, item, end)]
    for log, end in ends.items():
        reader.want(log, end)
    return gaps


def _find_gap(reader: Subscriber, view: View, end: Mapping[str, int]) -> Gap:
    """Below what its channel lost, events are certainly gone; below what the log forgot, or where it began, perhaps."""
    lost = _unread(reader, view.log, view.log.named_parts(view.lost))
    forgotten = _unread(reader, view.log, view.log.named_parts(dict(enumerate(view.base))))
    reason = view.reason if lost else "evicted" if forgotten else "upstream"
    return _gap(reader, view, reason, end, certain=bool(lost))


def _find_below(reader: Subscriber, item: Break, end: Mapping[str, int]) -> list[Gap]:
    lost = _unread(reader, item.log, item.log.lost_by(item))
    passed = {name: following for name, following in lost.items() if following <= end.get(name, 0)}
    return _tell(reader, item, passed) if passed else []


def _tell(reader: Subscriber, item: Break, end: Mapping[str, int]) -> list[Gap]:
    views = [view for view in reader.subscription.views if view.log is item.log]
    return [_gap(reader, view, item.reason, end, certain=False) for view in views]


def _unread(reader: Subscriber, log: Log, end: Mapping[str, int]) -> dict[str, int]:
    reached = reader.cursor(log)
    return {name: following for name, following in end.items() if following > reached.get(name, 0)}


def _gap(reader: Subscriber, view: View, reason: str, end: Mapping[str, int], *, certain: bool) -> Gap:
    reached = reader.cursor(view.log)
    return Gap(view.name, view.log.source, reason, certain, {name: reached.get(name, 0) for name in end}, end)
