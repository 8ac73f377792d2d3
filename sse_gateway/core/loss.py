"""What a reader has lost, found by its cursor: evicted before it was read, forgotten, or lost upstream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .notice import Gap

if TYPE_CHECKING:
    from .log import Break, Log
    from .subscriber import Subscriber
    from .view import View

__all__ = ["crosses", "find_broken", "find_evicted", "find_missing"]


def find_evicted(reader: Subscriber) -> list[Gap]:
    """What the logs have evicted that a reader had not read. It counts as dealt with from here on."""
    gaps = []
    for view in reader.subscription.views:
        if view.evicted > reader.position:
            end = _unread(reader, view.log, view.log.named_parts(view.lost))
            if end:
                gaps.append((view, _gap(reader, view, view.reason, end, certain=True)))
    return _pass_over(reader, gaps)


def find_missing(reader: Subscriber) -> list[Gap]:
    """What the logs no longer hold for a reader that comes back. Below what its channel lost, events are certainly gone;
    below what the log has forgotten, or where it began, perhaps."""
    gaps = []
    for view in reader.subscription.views:
        log = view.log
        lost = _unread(reader, log, log.named_parts(view.lost))
        forgotten = _unread(reader, log, log.named_parts(dict(enumerate(view.base))))
        end = _unread(reader, log, log.named_parts(view.floor()))
        if end:
            reason = view.reason if lost else "evicted" if forgotten else "upstream"
            gaps.append((view, _gap(reader, view, reason, end, certain=bool(lost))))
    return _pass_over(reader, gaps)


def find_broken(reader: Subscriber, item: Break) -> list[Gap]:
    """What a reader may lack where its source lost something."""
    return _tell(reader, item, _unread(reader, item.log, item.log.lost_by(item)))


def crosses(reader: Subscriber, item: Break) -> bool:
    """Whether a break lies between a reader and what it will read next."""
    return bool(_unread(reader, item.log, item.log.lost_by(item)))


def _pass_over(reader: Subscriber, found: list[tuple[View, Gap]]) -> list[Gap]:
    """Count what lies below the gaps as dealt with: the oldest go first, so nothing below is held for any channel. What
    was lost upstream down there must be told now, for every channel of that log."""
    ends: dict[Log, dict[str, int]] = {}
    for view, gap in found:
        _raise(ends.setdefault(view.log, {}), gap.end)
    broken = [gap for log, end in ends.items() for item in log.breaks for gap in _find_below(reader, item, end)]
    for log, end in ends.items():
        reader.want(log, end)
    return [*(gap for _, gap in found), *broken]


def _find_below(reader: Subscriber, item: Break, end: dict[str, int]) -> list[Gap]:
    """What was lost in a break that begins below `end`, which is raised to where it ends."""
    before, lost = item.log.reached(item.before), item.log.lost_by(item)
    passed = _unread(reader, item.log, {name: lost[name] for name in lost if before.get(name, 0) < end.get(name, 0)})
    _raise(end, passed)
    return _tell(reader, item, passed) if passed else []


def _raise(end: dict[str, int], other: Mapping[str, int]) -> None:
    end.update({name: max(following, end.get(name, 0)) for name, following in other.items()})


def _tell(reader: Subscriber, item: Break, end: Mapping[str, int]) -> list[Gap]:
    views = [view for view in reader.subscription.views if view.log is item.log]
    return [_gap(reader, view, item.reason, end, certain=False) for view in views]


def _unread(reader: Subscriber, log: Log, end: Mapping[str, int]) -> dict[str, int]:
    reached = reader.cursor(log)
    return {name: following for name, following in end.items() if following > reached.get(name, 0)}


def _gap(reader: Subscriber, view: View, reason: str, end: Mapping[str, int], *, certain: bool) -> Gap:
    reached = reader.cursor(view.log)
    return Gap(view.name, view.log.source, reason, certain, {name: reached.get(name, 0) for name in end}, end)
