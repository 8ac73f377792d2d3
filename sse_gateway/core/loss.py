"""What a reader is told when it can't have every event: events were evicted before it read them, or lost upstream.

The functions here compute it from the views of a subscription and from what a reader has reached. The reader applies
it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .event import Offsets, beyond, higher
from .log import Break, Log, View


@dataclass(frozen=True, slots=True)
class Gap:
    """Events of a channel that this reader will never get."""

    channel: str
    source: str
    reason: str
    """evicted: the log had no more room. expired: the events were too old. Anything else is the source's own word."""
    certain: bool
    """False if it is not known whether there were any events."""
    start: Offsets
    """The first offset of each partition that may be missing."""
    end: Offsets
    """The next offset of each partition after what is missing."""


@dataclass(frozen=True, slots=True)
class Reset:
    """A source whose place in an id can't be honoured: the reader continues from now."""

    source: str
    reason: str
    """unknown, epoch, malformed or ahead."""


Notice = Gap | Reset


def find(
    views: Sequence[View], reached: Mapping[Log, Offsets], since: int
) -> tuple[list[Gap], dict[Log, dict[str, int]]]:
    """The gaps above `reached` in the views that evicted anything after the seq `since`, and what a reader has reached
    in each source once it was told of them. A log evicts its oldest events first, so below a gap it holds nothing for
    any channel: what was lost upstream below the gap is told with it, for every channel of that log."""
    gaps: list[Gap] = []
    after: dict[Log, dict[str, int]] = {}
    for view in views:
        start = reached[view.log]
        end = beyond(view.floor(), start) if view.evicted > since else {}
        if end:
            # Certain below what the channel itself lost; not below what the log forgot, or where it began.
            certain = bool(beyond(view.lost, start))
            reason = view.reason if certain else "evicted" if beyond(view.base, start) else "upstream"
            gaps.append(_gap(view, reason, certain, start, end))
            after[view.log] = higher(after.get(view.log, start), end)
    for log, passed in after.items():
        for item in log.breaks:
            gaps += find_broken(views, item, reached[log], passed)
    return gaps, after


def find_broken(views: Sequence[View], item: Break, reached: Offsets, passed: Offsets | None = None) -> list[Gap]:
    """The gaps of a break in these views for a reader that has reached `reached`: of all partitions, or of those in
    which the break ends below `passed`."""
    lost = beyond(item.end, reached)
    end = {name: lost[name] for name in lost if passed is None or lost[name] <= passed.get(name, 0)}
    return [_gap(view, item.reason, False, reached, end) for view in views if end and view.log is item.log]


def _gap(view: View, reason: str, certain: bool, reached: Offsets, end: Offsets) -> Gap:
    return Gap(view.name, view.log.source, reason, certain, {name: reached.get(name, 0) for name in end}, end)
